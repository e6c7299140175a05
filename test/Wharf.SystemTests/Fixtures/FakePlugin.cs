using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A plugin of docker's first protocol, on a socket where engines look for plugins. Remembers what it was asked.</summary>
public abstract class FakePlugin : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path;

    protected FakePlugin(string name)
    {
        Name = name;
        Directory.CreateDirectory("/run/docker/plugins");
        _path = $"/run/docker/plugins/{name}.sock";
        _listener.Bind(new UnixDomainSocketEndPoint(_path));
        _listener.Listen();
    }

    /// <summary>Answers from now on: called when the plugin is whole.</summary>
    protected void Serve() => _ = ServeAsync();

    public string Name { get; }
    public ConcurrentQueue<string> Calls { get; } = new();

    private async Task ServeAsync()
    {
        try
        {
            while (true) _ = AnswerAsync(await _listener.AcceptAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException) { /* the test is over */ }
    }

    private async Task AnswerAsync(Socket client)
    {
        using var socket = client;
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (await reader.ReadLineAsync() is { Length: > 0 } request)
        {
            int length = 0;
            bool chunked = false;
            while (await reader.ReadLineAsync() is { Length: > 0 } header)
            {
                if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) length = int.Parse(header[15..].Trim());
                chunked |= header.Contains("chunked", StringComparison.OrdinalIgnoreCase);
            }
            var body = chunked ? await ReadChunksAsync(reader) : await ReadAsync(reader, length);
            var method = request.Split(' ')[1];
            Calls.Enqueue($"{method} {body}");
            var answer = Encoding.UTF8.GetBytes(Answer(method, body.Length > 0 ? JsonNode.Parse(body) : null).ToJsonString());
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.plugins.v1.1+json\r\nContent-Length: {answer.Length}\r\n\r\n"));
            await stream.WriteAsync(answer);
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, int length)
    {
        var text = new char[length];
        int filled = 0;
        while (filled < length && await reader.ReadAsync(text.AsMemory(filled)) is var count and > 0) filled += count;
        return new string(text, 0, filled);
    }

    private static async Task<string> ReadChunksAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        while (Convert.ToInt32(await reader.ReadLineAsync(), 16) is var length and > 0)
        {
            text.Append(await ReadAsync(reader, length));
            await reader.ReadLineAsync();
        }
        await reader.ReadLineAsync();
        return text.ToString();
    }

    /// <summary>What it says to a call of <c>/METHOD</c>.</summary>
    protected abstract JsonObject Answer(string method, JsonNode? body);

    public virtual void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
        GC.SuppressFinalize(this);
    }
}
