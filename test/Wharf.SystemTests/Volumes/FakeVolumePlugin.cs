using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Wharf.SystemTests.Volumes;

/// <summary>A volume plugin of docker's first protocol: a directory for each volume. Remembers what it was asked.</summary>
public sealed class FakeVolumePlugin : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path, _directory;

    public FakeVolumePlugin(string name, string directory)
    {
        (Name, _directory) = (name, directory);
        Directory.CreateDirectory("/run/docker/plugins");
        _path = $"/run/docker/plugins/{name}.sock";
        _listener.Bind(new UnixDomainSocketEndPoint(_path));
        _listener.Listen();
        _ = ServeAsync();
    }

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

    private JsonObject Answer(string method, JsonNode? body)
    {
        var name = body?["Name"]?.ToString() ?? "";
        var path = Path.Combine(_directory, name);
        switch (method)
        {
            case "/Plugin.Activate": return new JsonObject { ["Implements"] = new JsonArray("VolumeDriver") };
            case "/VolumeDriver.Capabilities": return new JsonObject { ["Capabilities"] = new JsonObject { ["Scope"] = "local" } };
            case "/VolumeDriver.Create":
                Directory.CreateDirectory(path);
                return new JsonObject { ["Err"] = "" };
            case "/VolumeDriver.Get": return Directory.Exists(path) && name.Length > 0 ? new JsonObject { ["Volume"] = new JsonObject { ["Name"] = name, ["Mountpoint"] = path }, ["Err"] = "" } : new JsonObject { ["Err"] = "no such volume" };
            case "/VolumeDriver.Mount" or "/VolumeDriver.Path": return new JsonObject { ["Mountpoint"] = path, ["Err"] = "" };
            case "/VolumeDriver.List": return new JsonObject { ["Volumes"] = new JsonArray([.. Directory.GetDirectories(_directory).Select(directory => new JsonObject { ["Name"] = Path.GetFileName(directory), ["Mountpoint"] = directory })]), ["Err"] = "" };
            case "/VolumeDriver.Remove":
                Directory.Delete(path, recursive: true);
                return new JsonObject { ["Err"] = "" };
            default: return new JsonObject { ["Err"] = "" };
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
    }
}
