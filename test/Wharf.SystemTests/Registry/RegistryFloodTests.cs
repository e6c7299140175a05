using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Floods of HTTP/2 frames (CVE-2023-44487, CVE-2024-27316, CVE-2019-9512 and its kin): the registry goes on answering others, in bounded memory.</summary>
public sealed class RegistryFloodTests
{
    private const long MemoryBound = 100L << 20;
    private const int Frames = 200_000;
    private const byte DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, CONTINUATION = 9, END_STREAM = 1, END_HEADERS = 4;

    [Theory]
    [InlineData("streams that are reset at once")]
    [InlineData("pings nobody reads the answers of")]
    [InlineData("settings nobody reads the answers of")]
    [InlineData("headers that never end")]
    [InlineData("empty frames")]
    public async Task Floods_are_cut_and_others_are_served(string flood)
    {
        using var authority = new TestCertificates();
        var registry = new RegistryProcess();
        await using var owner = registry;
        using var server = authority.Write(registry.Root, "server", "registry");
        await registry.StartAsync("""{ "tls": { "certificate": "ROOT/server.crt", "key": "ROOT/server.key" } }""");
        using var api = new RegistryApi(registry.Url, authority.Handler());
        await (await api.GetAsync("/v2/")).ShouldBeAsync(HttpStatusCode.OK);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, registry.Port);
        await using var stream = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = [SslApplicationProtocol.Http2] });
        stream.NegotiatedApplicationProtocol.ShouldBe(SslApplicationProtocol.Http2);
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await stream.WriteAsync(Frame(SETTINGS, 0, 0, []));
        // What the server writes to somebody who does not read must not gather without end; cut, writing fails.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        bool isCut = false;
        try
        {
            var batch = new MemoryStream();
            for (int i = 0; i < Frames; i++)
            {
                foreach (var frame in FramesOf(flood, i)) batch.Write(frame);
                if (batch.Length < 16384) continue;
                await stream.WriteAsync(batch.ToArray(), patience.Token);
                batch.SetLength(0);
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException) { isCut = true; }
        await (await api.GetAsync("/v2/")).ShouldBeAsync(HttpStatusCode.OK);
        await api.PushImageAsync("flood/app", "v1", "x"u8.ToArray());
        registry.Memory(peak: true).ShouldBeLessThan(MemoryBound);
        if (flood is "headers that never end") isCut.ShouldBeTrue();
    }

    private static IEnumerable<byte[]> FramesOf(string flood, int i)
    {
        int stream = 2 * i + 1;
        switch (flood)
        {
            case "streams that are reset at once":
                yield return Frame(HEADERS, END_STREAM | END_HEADERS, stream, Request());
                yield return Frame(RST_STREAM, 0, stream, [0, 0, 0, 8]);
                break;
            case "pings nobody reads the answers of":
                yield return Frame(PING, 0, 0, new byte[8]);
                break;
            case "settings nobody reads the answers of":
                yield return Frame(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 100]);
                break;
            case "headers that never end":
                // A literal field without indexing, with a name of its own, again and again.
                yield return i == 0 ? Frame(HEADERS, END_STREAM, 1, Request()) : Frame(CONTINUATION, 0, 1, [0, 4, .. "x-aa"u8, 100, .. Encoding.ASCII.GetBytes(new string('a', 100))]);
                break;
            default:
                yield return i == 0 ? Frame(HEADERS, END_HEADERS, 1, Request()) : Frame(DATA, 0, 1, []);
                break;
        }
    }

    /// <summary>GET https://127.0.0.1/v2/ in HPACK without a table: three indexed fields' names, values as they are.</summary>
    private static byte[] Request() => [0x82, 0x87, 0x04, 4, .. "/v2/"u8, 0x01, 9, .. "127.0.0.1"u8];

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }
}
