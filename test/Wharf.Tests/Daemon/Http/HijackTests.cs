using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Shouldly;
using Wharf.Daemon.Http;
using Xunit;

namespace Wharf.Tests.Daemon.Http;

/// <summary>Raw streams over real Kestrel on a real socket: the forms docker's clients use.</summary>
public sealed class HijackTests : IAsyncLifetime
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"wharf-hijack-{Guid.NewGuid():N}.sock");
    private WebApplication? _app;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(_path, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(HijackGate.Use);
        }));
        _app = builder.Build();
        _app.Run(EchoAsync);
        await _app.StartAsync();
    }

    /// <summary>Reads the body, takes the connection, and answers "body|" and then, after the end of input, all that came in.</summary>
    private static async Task EchoAsync(HttpContext http)
    {
        http.Features.Get<HijackGate>()!.InRequest = true; // as RequestHandler does
        var context = new ApiContext(http, null!, ApiVersion.Newest, []);
        HijackedConnection.Prepare(context);
        var body = await new StreamReader(http.Request.Body).ReadToEndAsync();
        await using var connection = await HijackedConnection.HijackAsync(context, "application/vnd.docker.raw-stream");
        await connection.Output.WriteAsync(Encoding.ASCII.GetBytes(body + "|"));
        using var input = new MemoryStream();
        await connection.Input.CopyToAsync(input);
        await connection.Output.WriteAsync(input.ToArray());
        await connection.Output.WriteAsync("|end"u8.ToArray());
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
        socket.Connect(new UnixDomainSocketEndPoint(_path));
        return socket;
    }

    private static string ReadToEnd(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[65536];
        int count;
        while ((count = socket.Receive(buffer)) > 0) all.Write(buffer, 0, count);
        return Encoding.ASCII.GetString(all.ToArray());
    }

    [Theory]
    [InlineData("Connection: Upgrade\r\nUpgrade: tcp\r\n", "HTTP/1.1 101 UPGRADED\r\n")]
    [InlineData("connection: upgrade\r\nUpgrade: tcp\r\n", "HTTP/1.1 101 UPGRADED\r\n")]
    [InlineData("", "HTTP/1.1 200 OK\r\n")]
    public void A_post_with_a_body_becomes_a_stream_that_outlives_the_half_close(string headers, string status)
    {
        using var socket = Connect();
        socket.Send(Encoding.ASCII.GetBytes($"POST /exec/x/start HTTP/1.1\r\nHost: d\r\n{headers}Content-Type: application/json\r\nContent-Length: 4\r\n\r\n{{  }}"));
        socket.Send("hello"u8);
        socket.Shutdown(SocketShutdown.Send);
        var answer = ReadToEnd(socket);
        answer.ShouldStartWith(status);
        answer.ShouldEndWith("\r\n\r\n{  }|hello|end");
    }

    [Fact]
    public void Bytes_sent_early_and_an_early_half_close_lose_nothing()
    {
        using var socket = Connect();
        socket.Send("POST /attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}early bytes"u8);
        socket.Shutdown(SocketShutdown.Send);
        ReadToEnd(socket).ShouldEndWith("{}|early bytes|end");
    }

    [Fact]
    public void A_body_that_looks_like_a_head_is_not_touched()
    {
        const string Body = "x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        using var socket = Connect();
        socket.Send(Encoding.ASCII.GetBytes($"POST /attach HTTP/1.1\r\nHost: d\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"));
        socket.Shutdown(SocketShutdown.Send);
        ReadToEnd(socket).ShouldContain(Body + "||end");
    }

    [Fact]
    public void A_megabyte_in_comes_out_whole()
    {
        var data = new byte[1 << 20];
        Random.Shared.NextBytes(data);
        for (int i = 0; i < data.Length; i++) data[i] = (byte)('a' + data[i] % 26);
        using var socket = Connect();
        socket.Send("POST /attach HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n"u8);
        socket.Send(data);
        socket.Shutdown(SocketShutdown.Send);
        ReadToEnd(socket).ShouldEndWith("|" + Encoding.ASCII.GetString(data) + "|end");
    }

    public async ValueTask DisposeAsync()
    {
        await _app!.DisposeAsync();
        File.Delete(_path);
    }
}
