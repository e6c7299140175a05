using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Containers;

/// <summary>Plain requests to the Engine API, for what the docker client does not show: statuses, messages, raw streams.</summary>
internal sealed class ApiClient(EngineFixture engine) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { ConnectCallback = async (_, cancellation) => new NetworkStream(await ConnectAsync(engine, cancellation), ownsSocket: true) }) { BaseAddress = new Uri("http://d/v1.47/") };

    public static async Task<Socket> ConnectAsync(EngineFixture engine, CancellationToken cancellation = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.SocketPath), cancellation);
        return socket;
    }

    public async Task<(int Status, JsonNode? Body)> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        try { return ((int)response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text)); }
        catch (JsonException) { return ((int)response.StatusCode, text); }
    }

    public Task<(int Status, JsonNode? Body)> GetAsync(string path) => SendAsync(HttpMethod.Get, path);
    public Task<(int Status, JsonNode? Body)> PostAsync(string path, string? json = null) => SendAsync(HttpMethod.Post, path, json);

    /// <summary>Creates a container from extra JSON members; the caller removes it.</summary>
    public async Task<string> CreateAsync(string members)
    {
        var (status, body) = await PostAsync("containers/create", $$"""{"Image":"busybox",{{members}}}""");
        return status == 201 ? (string)body!["Id"]! : throw new InvalidOperationException($"{status} {body}");
    }

    public Task RemoveAsync(string id) => SendAsync(HttpMethod.Delete, $"containers/{id}?force=1&v=1");

    /// <summary>Opens a raw stream (attach, exec) and reads past the answer's head.</summary>
    public static async Task<(NetworkStream Stream, string Head)> UpgradeAsync(EngineFixture engine, string path, string json = "", string headers = "Connection: Upgrade\r\nUpgrade: tcp\r\n", string method = "POST")
    {
        var stream = new NetworkStream(await ConnectAsync(engine), ownsSocket: true);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{method} /v1.47/{path} HTTP/1.1\r\nHost: d\r\n{(json.Length > 0 ? $"Content-Type: application/json\r\nContent-Length: {json.Length}\r\n" : "")}{headers}\r\n{json}"));
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0) throw new IOException("closed before the end of the head: " + head);
            head.Append((char)one[0]);
        }
        return (stream, head.ToString());
    }

    /// <summary>Reads to the end or until <paramref name="enough"/>.</summary>
    public static async Task<string> ReadAsync(Stream stream, Func<string, bool>? enough = null, int seconds = 20)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var buffer = new byte[65536];
        var text = new StringBuilder();
        int count;
        while ((count = await stream.ReadAsync(buffer, patience.Token)) > 0)
        {
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
            if (enough?.Invoke(text.ToString()) == true) break;
        }
        return text.ToString();
    }

    public void Dispose() => _http.Dispose();
}
