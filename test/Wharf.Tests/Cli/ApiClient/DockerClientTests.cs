using System.Net.Sockets;
using System.Text;
using Shouldly;
using Wharf.Cli.ApiClient;
using Xunit;

namespace Wharf.Tests.Cli.ApiClient;

/// <summary>The client's own HTTP/1.1 against a socket that answers as told.</summary>
public sealed class DockerClientTests : IDisposable
{
    private const string Ping = "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nOSType: linux\r\nContent-Length: 0\r\n\r\n";
    private readonly string path = Path.Combine(Path.GetTempPath(), $"wharf-cli-{Guid.NewGuid():n}.sock");
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly StringBuilder received = new();

    public DockerClientTests()
    {
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
    }

    public void Dispose()
    {
        listener.Dispose();
        File.Delete(path);
    }

    private DockerClient Client() => new(DockerHost.Parse($"unix://{path}"), null, null);

    /// <summary>Answers the heads that come on one connection, one after the other, then closes.</summary>
    private async Task AnswerAsync(params string[] answers)
    {
        using var socket = await listener.AcceptAsync();
        var buffer = new byte[65536];
        foreach (var answer in answers)
        {
            var head = new StringBuilder();
            while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
            {
                var count = await socket.ReceiveAsync(buffer);
                if (count == 0) return;
                head.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }
            received.Append(head);
            await socket.SendAsync(Encoding.UTF8.GetBytes(answer));
        }
    }

    [Fact]
    public async Task The_version_both_know_is_used_and_the_connection_kept()
    {
        var server = AnswerAsync(Ping, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
        await using var client = Client();
        Encoding.UTF8.GetString(await client.GetBytesAsync("/x", CancellationToken.None)).ShouldBe("abcde");
        await server;
        received.ToString().ShouldContain("GET /v1.47/x HTTP/1.1");
    }

    [Theory]
    [InlineData("{\"message\":\"No such container: x\"}", "Error response from daemon: No such container: x")]
    [InlineData("plain text", "Error response from daemon: plain text")]
    [InlineData("{broken", "Error response from daemon: {broken")]
    public async Task An_error_status_becomes_the_daemons_message(string body, string message)
    {
        var server = AnswerAsync(Ping, $"HTTP/1.1 404 Not Found\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        await using var client = Client();
        var error = await Should.ThrowAsync<ApiException>(() => client.GetBytesAsync("/x", CancellationToken.None));
        (error.Status, error.Message).ShouldBe((404, message));
        await server;
    }

    [Fact]
    public async Task A_refusal_in_the_middle_of_an_upload_is_told_and_not_the_broken_pipe()
    {
        var server = AnswerAsync(Ping, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 17\r\n\r\n{\"message\":\"tar\"}");
        await using var client = Client();
        var request = new ApiRequest("POST", "/build") { BodyStream = new MemoryStream(new byte[8 << 20]) };
        var error = await Should.ThrowAsync<ApiException>(() => client.SendAsync(request, CancellationToken.None));
        error.DaemonMessage.ShouldBe("tar");
        await server;
    }

    [Fact]
    public async Task A_body_cut_short_is_an_error()
    {
        var server = AnswerAsync(Ping, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        await using var client = Client();
        (await Should.ThrowAsync<IOException>(() => client.GetBytesAsync("/x", CancellationToken.None))).Message.ShouldBe("unexpected EOF");
        await server;
    }

    [Fact]
    public async Task Bytes_right_behind_the_headers_of_a_hijack_are_not_lost()
    {
        var server = AnswerAsync(Ping, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly");
        await using var client = Client();
        await using var stream = await client.HijackAsync("/containers/x/attach", null, CancellationToken.None);
        var buffer = new byte[100];
        Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer, CancellationToken.None)).ShouldBe("early");
        await server;
    }

    [Fact]
    public async Task A_header_with_a_line_break_is_not_sent()
    {
        var server = AnswerAsync(Ping);
        await using var client = Client();
        var request = new ApiRequest("GET", "/x") { Headers = [new("X-A", "1\r\nX-B: 2")] };
        await Should.ThrowAsync<IOException>(() => client.SendAsync(request, CancellationToken.None));
        await server;
    }

    [Theory]
    [InlineData("unix:///a/b.sock", "/a/b.sock", "localhost")]
    [InlineData("tcp://h:1", null, "h:1")]
    [InlineData("h", null, "h:2375")]
    [InlineData("https://h", null, "h:2376")]
    public void Hosts_are_read(string text, string? socket, string authority)
    {
        var host = DockerHost.Parse(text);
        (host.SocketPath, host.Authority).ShouldBe((socket, authority));
    }
}
