using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Wharf.SystemTests.Fixtures;

/// <summary>An answer of the engine's API.</summary>
public sealed record ApiAnswer(int Status, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
    public JsonNode Json => JsonNode.Parse(Body)!;
    public string? Message => Json["message"]?.GetValue<string>();
    /// <summary>The values of a progress stream.</summary>
    public List<JsonNode> Lines => [.. Text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => JsonNode.Parse(line)!)];
    /// <summary>The error that ended a progress stream.</summary>
    public string? StreamError => Lines.Select(line => line["error"]?.GetValue<string>()).FirstOrDefault(error => error is not null);
}

/// <summary>The engine's API without a client in between, for exact statuses and bodies.</summary>
public sealed class EngineApi(string socket, string version = "1.51") : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
            return new NetworkStream(connection, ownsSocket: true);
        },
    }) { BaseAddress = new Uri("http://docker/"), Timeout = TimeSpan.FromMinutes(3) };

    public Task<ApiAnswer> GetAsync(string path, CancellationToken cancellation = default) => SendAsync(HttpMethod.Get, path, cancellation: cancellation);
    public Task<ApiAnswer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);
    public Task<ApiAnswer> PostAsync(string path, string? json = null, string? auth = null) =>
        SendAsync(HttpMethod.Post, path, json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"), auth);
    public Task<ApiAnswer> PostTarAsync(string path, byte[] tar) => PostTarAsync(path, new MemoryStream(tar));

    public Task<ApiAnswer> PutTarAsync(string path, byte[] tar) => SendAsync(HttpMethod.Put, path, new ByteArrayContent(tar) { Headers = { ContentType = new("application/x-tar") } });

    public Task<ApiAnswer> PostTarAsync(string path, Stream tar)
    {
        var content = new StreamContent(tar);
        content.Headers.ContentType = new("application/x-tar");
        return SendAsync(HttpMethod.Post, path, content);
    }

    /// <summary>Writes a large answer to a file; gives its path.</summary>
    public async Task<string> DownloadAsync(string path, string file)
    {
        using var response = await _http.GetAsync($"v{version}{path}", HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await using var output = File.Create(file);
        await response.Content.CopyToAsync(output);
        return file;
    }

    private async Task<ApiAnswer> SendAsync(HttpMethod method, string path, HttpContent? content = null, string? auth = null, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(method, $"v{version}{path}") { Content = content };
        if (auth is not null) request.Headers.Add("X-Registry-Auth", Convert.ToBase64String(Encoding.UTF8.GetBytes(auth)).Replace('+', '-').Replace('/', '_'));
        using var response = await _http.SendAsync(request, cancellation);
        return new ApiAnswer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellation));
    }

    public void Dispose() => _http.Dispose();
}
