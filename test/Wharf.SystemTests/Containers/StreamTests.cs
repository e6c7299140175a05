using System.Net.WebSockets;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Attach and exec as raw streams and web sockets.</summary>
public sealed class StreamTests(EngineFixture engine)
{
    private async Task WithStartedAsync(string members, Func<ApiClient, string, Task> body)
    {
        using var api = new ApiClient(engine);
        var id = await api.CreateAsync(members);
        try
        {
            (await api.PostAsync($"containers/{id}/start")).Status.ShouldBe(204);
            await body(api, id);
        }
        finally { await api.RemoveAsync(id); }
    }

    private const string Cat = "\"Cmd\":[\"cat\"],\"OpenStdin\":true,\"StdinOnce\":true";

    [Fact]
    public async Task Several_clients_see_the_same_output() => await WithStartedAsync("\"Cmd\":[\"cat\"],\"OpenStdin\":true", async (_, id) =>
    {
        var (first, head) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdin=1&stdout=1");
        var (second, _) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdout=1");
        using (first)
        using (second)
        {
            head.ShouldStartWith("HTTP/1.1 101 UPGRADED");
            head.ShouldContain("application/vnd.docker.multiplexed-stream");
            await first.WriteAsync("hello\n"u8.ToArray());
            const string Frame = "\u0001\0\0\0\0\0\0\u0006hello\n";
            (await ApiClient.ReadAsync(first, text => text.Length >= Frame.Length)).ShouldBe(Frame);
            (await ApiClient.ReadAsync(second, text => text.Length >= Frame.Length)).ShouldBe(Frame);
        }
    });

    [Fact]
    public async Task A_half_close_ends_the_input_and_not_the_output() => await WithStartedAsync(Cat, async (api, id) =>
    {
        var (stream, _) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        using (stream)
        {
            await stream.WriteAsync("last words\n"u8.ToArray());
            stream.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            (await ApiClient.ReadAsync(stream)).ShouldEndWith("last words\n");
        }
        ((int)(await api.PostAsync($"containers/{id}/wait")).Body!["StatusCode"]!).ShouldBe(0);
    });

    [Fact]
    public async Task A_client_that_leaves_before_the_answer_is_no_fault_of_the_daemons() => await WithStartedAsync("\"Cmd\":[\"sleep\",\"1000\"]", async (api, id) =>
    {
        for (int i = 0; i < 10; i++)
        {
            var exec = (string)(await api.PostAsync($"containers/{id}/exec", """{"Cmd":["true"],"AttachStdout":true}""")).Body!["Id"]!;
            foreach (var path in new[] { $"exec/{exec}/start", $"containers/{id}/attach?stream=1&stdout=1" })
            {
                using var socket = await ApiClient.ConnectAsync(engine);
                await socket.SendAsync(Encoding.ASCII.GetBytes($"POST /v1.47/{path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n" + "{}"));
            }
        }
        (await engine.DockerAsync("exec", id, "true")).ShouldExit(0);
        if (engine.IsWharf) engine.Log.ShouldNotContain($"/containers/{id}/attach: 500");
    });

    [Fact]
    public async Task The_end_of_one_clients_input_is_not_that_of_a_process_whose_input_stays_open() => await WithStartedAsync("\"Cmd\":[\"cat\"],\"OpenStdin\":true", async (api, id) =>
    {
        var (stream, _) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdin=1&stdout=1");
        using (stream)
        {
            await stream.WriteAsync("hi\n"u8.ToArray());
            (await ApiClient.ReadAsync(stream, text => text.Contains("hi"))).ShouldContain("hi");
            stream.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            await ApiClient.ReadAsync(stream); // to its end
        }
        ((bool)(await api.GetAsync($"containers/{id}/json")).Body!["State"]!["Running"]!).ShouldBeTrue();
    });

    [Fact]
    public async Task The_detach_keys_leave_a_terminal_running() => await WithStartedAsync("\"Cmd\":[\"cat\"],\"OpenStdin\":true,\"Tty\":true", async (api, id) =>
    {
        var (stream, head) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,x");
        using (stream)
        {
            head.ShouldContain("application/vnd.docker.raw-stream");
            await stream.WriteAsync("hi\n"u8.ToArray());
            (await ApiClient.ReadAsync(stream, text => text.Contains("hi"))).ShouldContain("hi");
            await stream.WriteAsync((byte[])[1, (byte)'x']);
            await ApiClient.ReadAsync(stream); // to its end
        }
        ((bool)(await api.GetAsync($"containers/{id}/json")).Body!["State"]!["Running"]!).ShouldBeTrue();
    });

    [Fact]
    [Covers("ContainerExec", "AttachStdin", "DetachKeys")]
    public async Task The_detach_keys_of_an_exec_leave_it_running() => await WithStartedAsync("\"Cmd\":[\"sleep\",\"1000\"]", async (api, id) =>
    {
        var exec = (string)(await api.PostAsync($"containers/{id}/exec", """{"Cmd":["cat"],"AttachStdin":true,"AttachStdout":true,"Tty":true,"DetachKeys":"ctrl-a,x"}""")).Body!["Id"]!;
        var (stream, _) = await ApiClient.UpgradeAsync(engine, $"exec/{exec}/start", """{"Tty":true}""");
        using (stream)
        {
            await stream.WriteAsync("hi\n"u8.ToArray());
            (await ApiClient.ReadAsync(stream, text => text.Contains("hi\r\nhi"))).ShouldContain("hi\r\nhi");
            await stream.WriteAsync((byte[])[1, (byte)'x']);
            await ApiClient.ReadAsync(stream); // to its end
        }
        (await engine.DockerAsync("top", id, "-o", "pid,args")).Out.ShouldContain(" cat");
        if (engine.IsWharf) ((bool)(await api.GetAsync($"exec/{exec}/json")).Body!["Running"]!).ShouldBeTrue(); // dockerd 28 says that it ended, with 126
    });

    [Fact]
    public async Task A_process_that_lets_go_of_its_terminal_is_not_hung_up()
    {
        // Nobody has the terminal open for a while, and then somebody has.
        var run = await engine.DockerAsync("run", "--rm", "-t", "busybox", "sh", "-c", "exec </dev/null >/dev/null 2>&1; sleep 0.5; exec >/dev/tty; echo back; sleep 2; exit 3");
        run.ShouldExit(3);
        run.Text.ShouldBe("back");
    }

    [Fact]
    public async Task A_client_that_reads_slowly_loses_nothing() => await WithStartedAsync("\"Cmd\":[\"sh\",\"-c\",\"read x; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo line $i of the output; done\"],\"OpenStdin\":true", async (_, id) =>
    {
        var (stream, _) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdin=1&stdout=1");
        using (stream)
        {
            await stream.WriteAsync("go\n"u8.ToArray());
            await Task.Delay(1500);
            var text = await ApiClient.ReadAsync(stream, seconds: 60);
            text.Count(character => character == '\n').ShouldBeGreaterThanOrEqualTo(60000);
            text.ShouldEndWith("line 60000 of the output\n");
        }
    });

    [Fact]
    public async Task A_web_socket_carries_input_and_output() => await WithStartedAsync(Cat, async (_, id) =>
    {
        var (stream, head) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1",
            headers: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://d\r\n", method: "GET");
        head.ShouldContain("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions());
        await socket.SendAsync("hello\n"u8.ToArray(), WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);
        var buffer = new byte[100];
        var message = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Encoding.ASCII.GetString(buffer, 0, message.Count).ShouldBe("hello\n");
        message.MessageType.ShouldBe(WebSocketMessageType.Binary);
    });

    [Fact]
    public async Task An_exec_has_its_streams_its_code_and_its_life() => await WithStartedAsync("\"Cmd\":[\"sleep\",\"1000\"]", async (api, id) =>
    {
        var (status, created) = await api.PostAsync($"containers/{id}/exec", """{"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Cmd":["sh","-c","cat; echo bad >&2; exit 5"],"Env":["A=b"]}""");
        status.ShouldBe(201);
        var exec = (string)created!["Id"]!;
        var (stream, _) = await ApiClient.UpgradeAsync(engine, $"exec/{exec}/start", """{"Detach":false,"Tty":false}""");
        using (stream)
        {
            await stream.WriteAsync("in\n"u8.ToArray());
            ((bool)(await api.GetAsync($"exec/{exec}/json")).Body!["Running"]!).ShouldBeTrue();
            stream.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            (await ApiClient.ReadAsync(stream)).ShouldBe("\u0001\0\0\0\0\0\0\u0003in\n\u0002\0\0\0\0\0\0\u0004bad\n");
        }
        var inspected = (await api.GetAsync($"exec/{exec}/json")).Body!;
        ((int)inspected["ExitCode"]!).ShouldBe(5);
        ((bool)inspected["Running"]!).ShouldBeFalse();
        ((string)inspected["ProcessConfig"]!["entrypoint"]!).ShouldBe("sh");
        (await api.PostAsync($"containers/{id}/exec", """{"Cmd":[]}""")).Status.ShouldBe(400);
        (await api.PostAsync($"containers/{id}/exec", """{"Cmd":["true"],"User":"nosuch"}""")).Status.ShouldBe(400);
        (await api.GetAsync("exec/nosuch/json")).Status.ShouldBe(404);
    });

    [Fact]
    public async Task An_exec_on_a_terminal_comes_in_frames_unless_its_start_says_terminal() => await WithStartedAsync("\"Cmd\":[\"sleep\",\"1000\"]", async (api, id) =>
    {
        foreach (var (tty, expected) in ((string, string)[])[("false", "\u0001\0\0\0\0\0\0\u0004hi\r\n"), ("true", "hi\r\n")])
        {
            var exec = (string)(await api.PostAsync($"containers/{id}/exec", """{"AttachStdout":true,"Tty":true,"Cmd":["echo","hi"]}""")).Body!["Id"]!;
            var (stream, head) = await ApiClient.UpgradeAsync(engine, $"exec/{exec}/start", $$"""{"Detach":false,"Tty":{{tty}}}""");
            using (stream)
            {
                head.ShouldContain(tty == "true" ? "raw-stream" : "multiplexed-stream");
                (await ApiClient.ReadAsync(stream)).ShouldBe(expected);
            }
        }
    });

    [Fact]
    public async Task A_terminal_can_be_resized() => await WithStartedAsync("\"Cmd\":[\"sh\",\"-c\",\"read x; stty size\"],\"OpenStdin\":true,\"Tty\":true", async (api, id) =>
    {
        (await api.PostAsync($"containers/{id}/resize?h=33&w=77")).Status.ShouldBe(200);
        (await api.PostAsync($"containers/{id}/resize?h=x&w=77")).Status.ShouldBe(400);
        var (stream, _) = await ApiClient.UpgradeAsync(engine, $"containers/{id}/attach?stream=1&stdin=1&stdout=1");
        using (stream)
        {
            await stream.WriteAsync("\n"u8.ToArray());
            (await ApiClient.ReadAsync(stream)).ShouldContain("33 77");
        }
    });
}
