using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Wharf.Benchmarks.Images;

/// <summary>What the benchmark of images asks an engine for.</summary>
internal sealed class ImageClient : IDisposable
{
    private readonly HttpClient _http;

    public ImageClient(string name, string host)
    {
        Name = name;
        _http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(host["unix://".Length..]), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://engine/v1.47/"), Timeout = Timeout.InfiniteTimeSpan };
    }

    public string Name { get; }

    /// <summary>Loads an archive and tells the name it had.</summary>
    public async Task<string> LoadAsync(string archive)
    {
        await using var file = File.OpenRead(archive);
        var answer = await SendAsync(HttpMethod.Post, "images/load?quiet=1", new StreamContent(file, 1 << 20));
        return answer.Select(line => line["stream"]?.GetValue<string>()).OfType<string>().First(text => text.StartsWith("Loaded image: ", StringComparison.Ordinal))["Loaded image: ".Length..].Trim();
    }

    public async Task SaveAsync(string name)
    {
        using var response = await _http.GetAsync($"images/{name}/get", HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await response.Content.CopyToAsync(Stream.Null);
    }

    public async Task TagAsync(string name, string repository, string tag) => await SendAsync(HttpMethod.Post, $"images/{name}/tag?repo={Uri.EscapeDataString(repository)}&tag={tag}");
    public async Task PushAsync(string repository, string tag) => await SendAsync(HttpMethod.Post, $"images/{repository}/push?tag={tag}");

    /// <summary>Pulls; fails when another number of layers was there already, as then something else was measured. Null: at least one.</summary>
    public async Task PullAsync(string repository, string tag, int? alreadyThere)
    {
        var lines = await SendAsync(HttpMethod.Post, $"images/create?fromImage={Uri.EscapeDataString(repository)}&tag={tag}");
        int there = lines.Count(line => line["status"]?.GetValue<string>() == "Already exists");
        if (alreadyThere is { } expected ? there != expected : there == 0) throw new InvalidOperationException($"{Name}: {repository}:{tag}: {there} layers were there already");
    }

    public async Task RemoveAsync(string name)
    {
        using var response = await _http.DeleteAsync($"images/{name}");
        if (!response.IsSuccessStatusCode && response.StatusCode != System.Net.HttpStatusCode.NotFound) throw new InvalidOperationException($"{Name}: removing {name}: {await response.Content.ReadAsStringAsync()}");
    }

    /// <summary>The answer's lines; an error among them is thrown.</summary>
    private async Task<List<JsonNode>> SendAsync(HttpMethod method, string path, HttpContent? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        request.Headers.Add("X-Registry-Auth", "e30=");
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"{Name}: {method} {path}: {(int)response.StatusCode} {text}");
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => JsonNode.Parse(line)!).ToList();
        return lines.Find(line => line["error"] is not null) is { } error ? throw new InvalidOperationException($"{Name}: {method} {path}: {error["error"]}") : lines;
    }

    public void Dispose() => _http.Dispose();
}
