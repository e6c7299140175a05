using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Transports;

/// <summary>An authorization plugin that forbids privileged containers: it must see every body that is executed (CVE-2024-41110, CVE-2026-34040).</summary>
public sealed class AuthorizationTests
{
    private const string Privileged = """{"Image":"busybox:latest","Cmd":["true"],"HostConfig":{"Privileged":true}}""";

    [Fact]
    public async Task No_framing_size_or_type_hides_a_body_from_the_plugin()
    {
        await using var plugin = new Plugin();
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--authorization-plugin", plugin.Name]);
        await daemon.ImportBusyboxAsync();
        var denied = await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "create", "--privileged", "busybox"]);
        denied.ShouldExit(1).Error.ShouldContain($"authorization denied by plugin {plugin.Name}: no privileged containers");
        (await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "run", "--rm", "busybox", "echo", "allowed"])).ShouldExit(0).Text.ShouldBe("allowed");
        const string Head = "POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nConnection: close\r\n";
        var chunked = $"{Head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{Privileged.Length:x}\r\n{Privileged}\r\n0\r\n\r\n";
        Status(daemon, chunked).ShouldBe(403, "chunked");
        var padded = Privileged[..^1] + ",\"Labels\":{\"a\":\"" + new string('x', 5 << 20) + "\"}}";
        Status(daemon, $"{Head}Content-Type: application/json\r\nContent-Length: {padded.Length}\r\n\r\n{padded}").ShouldBe(403, "larger than docker's peek of 4 MiB");
        Status(daemon, $"{Head}Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: {Privileged.Length}\r\n\r\n{Privileged}").ShouldBe(403, "another spelling of the type");
        Status(daemon, $"{Head}Content-Length: {Privileged.Length}\r\n\r\n{Privileged}").ShouldBe(400, "without a type nobody reads it");
        Status(daemon, $"{Head}Content-Type: text/plain\r\nContent-Length: {Privileged.Length}\r\n\r\n{Privileged}").ShouldBe(400, "nor with another");
        (await CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", "ps", "-aq"])).ShouldExit(0).Text.ShouldBe("");
    }

    [Fact]
    public async Task When_the_plugin_is_gone_nothing_is_let_through()
    {
        var plugin = new Plugin();
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--authorization-plugin", plugin.Name]);
        await plugin.DisposeAsync();
        (await CommandResult.RunAsync("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", daemon.Socket, "http://d/info"])).Text.ShouldBe("403");
    }

    [Fact]
    public async Task The_builders_own_socket_is_the_plugins_business_too()
    {
        DockerPlugins.Require("docker-buildx");
        var plugin = new Plugin();
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--buildkit-addr", $"unix://{root}/b.sock", "--authorization-plugin", plugin.Name]);
        var client = new Dictionary<string, string> { ["DOCKER_HOST"] = $"unix://{daemon.Socket}", ["DOCKER_CONFIG"] = DockerPlugins.Config(Path.Combine(daemon.Root, "config")) };
        Task<CommandResult> InspectAsync() => CommandResult.RunAsync("docker", ["buildx", "inspect", "guarded"], null, 60, client);
        (await CommandResult.RunAsync("docker", ["buildx", "create", "--name", "guarded", "--driver", "remote", $"unix://{daemon.Root}/b.sock"], null, 60, client)).ShouldExit(0);
        (await InspectAsync()).ShouldExit(0).Out.ShouldMatch("Status: +running");
        await plugin.DisposeAsync();
        (await InspectAsync()).Out.ShouldNotMatch("Status: +running");
        daemon.Log.ShouldContain($"a connection to the builder: plugin {plugin.Name} failed with error");
    }

    private static int Status(OwnDaemon daemon, string request)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        socket.Connect(new UnixDomainSocketEndPoint(daemon.Socket));
        socket.Send(Encoding.ASCII.GetBytes(request));
        var buffer = new byte[64];
        int count = socket.Receive(buffer);
        return int.Parse(Encoding.ASCII.GetString(buffer, 0, count).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Speaks the plugin protocol on a socket in docker's directory.</summary>
    private sealed class Plugin : IAsyncDisposable
    {
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly CancellationTokenSource _end = new();
        private readonly string _path;
        private readonly Task _serving;

        public Plugin()
        {
            Name = $"test{Guid.NewGuid().ToString("N")[..8]}";
            Directory.CreateDirectory("/run/wharf/plugins");
            _path = $"/run/wharf/plugins/{Name}.sock";
            _listener.Bind(new UnixDomainSocketEndPoint(_path));
            _listener.Listen(64);
            _serving = ServeAsync();
        }

        public string Name { get; }

        private async Task ServeAsync()
        {
            while (!_end.IsCancellationRequested)
            {
                try
                {
                    var client = await _listener.AcceptAsync(_end.Token);
                    _ = AnswerAsync(client);
                }
                catch (OperationCanceledException) { return; }
            }
        }

        private static async Task AnswerAsync(Socket client)
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            var first = await reader.ReadLineAsync() ?? "";
            int length = 0;
            while (await reader.ReadLineAsync() is { Length: > 0 } header)
                if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) length = int.Parse(header[15..], System.Globalization.CultureInfo.InvariantCulture);
            var body = new char[length];
            for (int read = 0; read < length;) read += await reader.ReadAsync(body.AsMemory(read));
            var answer = first.Contains("/Plugin.Activate", StringComparison.Ordinal) ? "{\"Implements\":[\"authz\"]}" : Judge(new string(body));
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {answer.Length}\r\n\r\n{answer}"));
        }

        private static string Judge(string request)
        {
            var body = JsonNode.Parse(request)!["RequestBody"]?.GetValue<string>() is { Length: > 0 } text ? Encoding.UTF8.GetString(Convert.FromBase64String(text)) : "";
            bool privileged = body.StartsWith('{') && JsonDocument.Parse(body).RootElement.TryGetProperty("HostConfig", out var host) && host.TryGetProperty("Privileged", out var flag) && flag.ValueKind == JsonValueKind.True;
            return privileged ? "{\"Allow\":false,\"Msg\":\"no privileged containers\"}" : "{\"Allow\":true}";
        }

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await _serving;
            _listener.Dispose();
            File.Delete(_path);
        }
    }
}
