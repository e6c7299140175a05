using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;

namespace Wharf.SystemTests.Build;

/// <summary>A connection to the engine that became one of HTTP/2, as BuildKit's clients open it: what comes from the engine, and the stream that goes to it.</summary>
internal sealed record UpgradedSocket(PipeReader Input, NetworkStream Stream) : IAsyncDisposable
{
    public static async Task<UpgradedSocket> OpenAsync(string socketPath, string path, params string[] headers)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
        var stream = new NetworkStream(socket, ownsSocket: true);
        string[] lines = [$"POST {path} HTTP/1.1", "Host: docker", "Connection: Upgrade", "Upgrade: h2c", .. headers, "", ""];
        await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Join("\r\n", lines)));
        var input = PipeReader.Create(stream);
        await SkipHeadAsync(input);
        return new UpgradedSocket(input, stream);
    }

    private static async Task SkipHeadAsync(PipeReader input)
    {
        while (true)
        {
            var read = await input.ReadAsync();
            var text = Encoding.Latin1.GetString(read.Buffer);
            int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                if (!text.StartsWith("HTTP/1.1 101", StringComparison.Ordinal)) throw new IOException(text);
                input.AdvanceTo(read.Buffer.GetPosition(end + 4));
                return;
            }
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted) throw new IOException("the engine ended the connection: " + text);
        }
    }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();
}
