using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wharf.Benchmarks;

/// <summary>A plain HTTP/1.1 client on one kept-open unix socket: as little between the stopwatch and the engine as can be.</summary>
public sealed class EngineClient : IDisposable
{
    private readonly string _path;
    private Socket _socket;
    private byte[] _buffer = new byte[1 << 16];

    public EngineClient(string name, string host)
    {
        Name = name;
        Host = host;
        _path = host["unix://".Length..];
        _socket = Connect();
    }

    public string Name { get; }
    public string Host { get; }

    /// <summary>Sends a request and reads the whole answer; throws on a status of 400 or more.</summary>
    public string Send(string method, string path, string? json = null) => Send(method, path, json is null ? [] : Encoding.UTF8.GetBytes(json), json is null ? null : "application/json");

    /// <summary>As above, with any body.</summary>
    public string Send(string method, string path, byte[] body, string? contentType)
    {
        var head = new StringBuilder($"{method} /v1.41{path} HTTP/1.1\r\nHost: d\r\n");
        if (contentType is not null) head.Append($"Content-Type: {contentType}\r\n");
        head.Append($"Content-Length: {body.Length}\r\n\r\n");
        _socket.Send([.. Encoding.ASCII.GetBytes(head.ToString()), .. body]);
        var (status, text) = Receive();
        if (status >= 400) throw new InvalidOperationException($"{Name}: {method} {path}: {status} {text}");
        return text;
    }

    public JsonNode Json(string method, string path, string? json = null) => JsonNode.Parse(Send(method, path, json))!;

    public static string Quote(string text) => JsonSerializer.Serialize(text);

    private (int Status, string Body) Receive()
    {
        int filled = 0, headEnd;
        while ((headEnd = _buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0) filled += Read(filled);
        var head = Encoding.ASCII.GetString(_buffer, 0, headEnd);
        int status = int.Parse(head.AsSpan(9, 3));
        int start = headEnd + 4;
        if (status is 204 or 304) return (status, "");
        if (Header(head, "Content-Length") is { } length)
        {
            int end = start + int.Parse(length);
            while (filled < end) filled += Read(filled);
            return (status, Encoding.UTF8.GetString(_buffer, start, end - start));
        }
        if (Header(head, "Transfer-Encoding") is null) return (status, "");
        while (!_buffer.AsSpan(0, filled).EndsWith("0\r\n\r\n"u8)) filled += Read(filled);
        return (status, Unchunk(_buffer.AsSpan(start, filled - start)));
    }

    private int Read(int filled)
    {
        if (filled == _buffer.Length) Array.Resize(ref _buffer, filled * 2);
        int count = _socket.Receive(_buffer, filled, _buffer.Length - filled, SocketFlags.None);
        return count > 0 ? count : throw new IOException($"{Name} closed the connection");
    }

    private static string Unchunk(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        while (true)
        {
            int line = bytes.IndexOf("\r\n"u8);
            int size = Convert.ToInt32(Encoding.ASCII.GetString(bytes[..line]), 16);
            if (size == 0) return text.ToString();
            text.Append(Encoding.UTF8.GetString(bytes.Slice(line + 2, size)));
            bytes = bytes[(line + 2 + size + 2)..];
        }
    }

    private static string? Header(string head, string name)
    {
        int at = head.IndexOf("\r\n" + name + ":", StringComparison.OrdinalIgnoreCase);
        if (at < 0) return null;
        int value = at + name.Length + 3, end = head.IndexOf("\r\n", value, StringComparison.Ordinal);
        return (end < 0 ? head[value..] : head[value..end]).Trim();
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(_path));
        return socket;
    }

    /// <summary>A connection taken over by the engine (exec, attach) cannot be used again.</summary>
    public void Reconnect()
    {
        _socket.Dispose();
        _socket = Connect();
    }

    /// <summary>Sends a request whose answer is a raw stream, and reads to its end.</summary>
    public int SendRaw(string path, string json)
    {
        var body = Encoding.UTF8.GetBytes(json);
        _socket.Send([.. Encoding.ASCII.GetBytes($"POST /v1.41{path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {body.Length}\r\n\r\n"), .. body]);
        int total = 0, count;
        while ((count = _socket.Receive(_buffer)) > 0) total += count;
        Reconnect();
        return total;
    }

    public void Dispose() => _socket.Dispose();
}
