using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.RemoteCaches;

/// <summary>
/// Version 2 of GitHub's cache service: Twirp calls in JSON that give URLs into Azure's Blob service, to which the bytes go. Such a URL is a secret as the token is, and in no message.
/// </summary>
internal sealed class ActionsCacheClient(Uri service, string token) : IDisposable
{
    private const string Store = "GitHub Actions cache";
    /// <summary>The version of entries that BuildKit writes; the service keeps those of different versions apart.</summary>
    private static readonly string Version = Convert.ToHexStringLower(SHA256.HashData("|go-actionscache-1.0"u8));

    private readonly StoreHttp _http = new(Store);

    /// <summary>An entry that is there, and where its bytes are for a while.</summary>
    public sealed record Entry(string Key, Uri Url);

    /// <summary>The newest entry whose key begins so; null when there is none.</summary>
    public async Task<Entry?> FindAsync(string key, CancellationToken cancellation)
    {
        var answer = await CallAsync("GetCacheEntryDownloadURL", new ActionsCacheRequest { Key = key, RestoreKeys = [key], Version = Version }, cancellation);
        return answer is { Ok: true, DownloadUrl: { } url, MatchedKey: { } found } && found.StartsWith(key, StringComparison.Ordinal) ? new Entry(found, Absolute(url)) : null;
    }

    public async Task<Stream> OpenAsync(Entry entry, CancellationToken cancellation)
    {
        var response = await _http.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, entry.Url), cancellation);
        if (response.IsSuccessStatusCode) return await response.Content.ReadAsStreamAsync(cancellation);
        using (response) throw WharfException.Unavailable($"{Store} get {entry.Key}: {(int)response.StatusCode} {response.ReasonPhrase}");
    }

    /// <summary>Makes an entry; false when there is one of that key, or one is being made.</summary>
    public async Task<bool> SaveAsync(string key, Func<HttpContent> body, long size, CancellationToken cancellation)
    {
        if (await CallAsync("CreateCacheEntry", new ActionsCacheRequest { Key = key, Version = Version }, cancellation) is not { Ok: true, UploadUrl: { } url }) return false;
        using (var sent = await _http.SendAsync(() => Upload(Absolute(url), body()), cancellation))
            if (!sent.IsSuccessStatusCode) throw WharfException.Unavailable($"{Store} put {key}: {(int)sent.StatusCode} {sent.ReasonPhrase}");
        var done = await CallAsync("FinalizeCacheEntryUpload", new ActionsCacheRequest { Key = key, SizeBytes = size, Version = Version }, cancellation);
        return done is { Ok: true } ? true : throw WharfException.Unavailable($"{Store}: failed to commit {key}");
    }

    private static HttpRequestMessage Upload(Uri url, HttpContent content)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return new HttpRequestMessage(HttpMethod.Put, url) { Content = content, Headers = { { "x-ms-blob-type", "BlockBlob" } } };
    }

    private static Uri Absolute(string url) => Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https" ? parsed : throw WharfException.Unavailable($"{Store} gave an address that is none");

    /// <summary>Null when the service says that there is such an entry already.</summary>
    private async Task<ActionsCacheAnswer?> CallAsync(string method, ActionsCacheRequest call, CancellationToken cancellation)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(call, ActionsCacheJson.Default.ActionsCacheRequest);
        using var response = await _http.SendAsync(() => new HttpRequestMessage(HttpMethod.Post, new Uri(service, "twirp/github.actions.results.api.v1.CacheService/" + method))
        {
            Content = new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } }, Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token), UserAgent = { new ProductInfoHeaderValue("wharf", "1") } },
        }, cancellation);
        if (response.StatusCode == HttpStatusCode.Conflict) return null;
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        try
        {
            var answer = await JsonSerializer.DeserializeAsync(stream, ActionsCacheJson.Default.ActionsCacheAnswer, cancellation);
            return response.IsSuccessStatusCode ? answer : throw WharfException.Unavailable($"{Store} {method}: {(int)response.StatusCode} {answer?.Code}: {answer?.Message}");
        }
        catch (JsonException error) { throw new WharfException(ErrorKind.Unavailable, $"{Store} {method}: {(int)response.StatusCode} {response.ReasonPhrase}", error); }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>What a call asks.</summary>
internal sealed record ActionsCacheRequest
{
    [JsonPropertyName("key")] public required string Key { get; init; }
    [JsonPropertyName("restore_keys")] public IReadOnlyList<string>? RestoreKeys { get; init; }
    [JsonPropertyName("size_bytes")] public long? SizeBytes { get; init; }
    [JsonPropertyName("version")] public required string Version { get; init; }
}

/// <summary>What the service answers, an error too.</summary>
internal sealed record ActionsCacheAnswer
{
    [JsonPropertyName("ok")] public bool Ok { get; init; }
    [JsonPropertyName("signed_upload_url")] public string? UploadUrl { get; init; }
    [JsonPropertyName("signed_download_url")] public string? DownloadUrl { get; init; }
    [JsonPropertyName("matched_key")] public string? MatchedKey { get; init; }
    [JsonPropertyName("code")] public string? Code { get; init; }
    [JsonPropertyName("msg")] public string? Message { get; init; }
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ActionsCacheRequest))]
[JsonSerializable(typeof(ActionsCacheAnswer))]
internal sealed partial class ActionsCacheJson : JsonSerializerContext;
