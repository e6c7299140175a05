using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Shouldly;

namespace Wharf.SystemTests.Registry;

/// <summary>The distribution API as a test speaks it: bare requests, and pushes that must succeed.</summary>
public sealed class RegistryApi(Uri url, HttpMessageHandler? handler = null) : IDisposable
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json", OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json", EmptyType = "application/vnd.oci.empty.v1+json";
    public static readonly byte[] Empty = "{}"u8.ToArray();

    public HttpClient Http { get; } = new(handler ?? new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = url, Timeout = TimeSpan.FromSeconds(60) };

    public static string DigestOf(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
    public static string Sha512Of(byte[] bytes) => "sha512:" + Convert.ToHexStringLower(SHA512.HashData(bytes));

    public async Task<HttpResponseMessage> SendAsync(string method, string path, byte[]? body = null, string? contentType = null, string? contentRange = null, string? range = null, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path.StartsWith("http", StringComparison.Ordinal) ? new Uri(path) : new Uri(url, path));
        if (body is not null || method is "POST" or "PUT" or "PATCH")
        {
            request.Content = new ByteArrayContent(body ?? []);
            if (contentType is not null || body is not null) request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType ?? "application/octet-stream");
            if (contentRange is not null) request.Content.Headers.TryAddWithoutValidation("Content-Range", contentRange);
        }
        if (range is not null) request.Headers.TryAddWithoutValidation("Range", range);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await Http.SendAsync(request);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync("GET", path);
    public Task<HttpResponseMessage> HeadAsync(string path) => SendAsync("HEAD", path);
    public Task<HttpResponseMessage> DeleteAsync(string path) => SendAsync("DELETE", path);

    /// <summary>Begins an upload and returns where it goes on.</summary>
    public async Task<string> BeginAsync(string name)
    {
        var response = await SendAsync("POST", $"/v2/{name}/blobs/uploads/");
        await response.ShouldBeAsync(HttpStatusCode.Accepted);
        return response.Where();
    }

    public static string With(string location, string query) => location + (location.Contains('?') ? "&" : "?") + query;

    /// <summary>Pushes a blob; returns its digest.</summary>
    public async Task<string> PushBlobAsync(string name, byte[] bytes)
    {
        var digest = DigestOf(bytes);
        var response = await SendAsync("PUT", With(await BeginAsync(name), "digest=" + digest), bytes);
        await response.ShouldBeAsync(HttpStatusCode.Created);
        return digest;
    }

    public Task<HttpResponseMessage> PutManifestAsync(string name, string reference, byte[] manifest, string type = OciManifest) => SendAsync("PUT", $"/v2/{name}/manifests/{reference}", manifest, type);

    /// <summary>Pushes an image of one layer under a tag (or its digest); returns the manifest.</summary>
    public async Task<byte[]> PushImageAsync(string name, string? tag, byte[] layer, string? subjectDigest = null, long subjectSize = 0, string? artifactType = null, Dictionary<string, string>? annotations = null)
    {
        await PushBlobAsync(name, Empty);
        await PushBlobAsync(name, layer);
        var manifest = Manifest(layer, subjectDigest, subjectSize, artifactType, annotations);
        var response = await PutManifestAsync(name, tag ?? DigestOf(manifest), manifest);
        await response.ShouldBeAsync(HttpStatusCode.Created);
        return manifest;
    }

    public static byte[] Manifest(byte[] layer, string? subjectDigest = null, long subjectSize = 0, string? artifactType = null, Dictionary<string, string>? annotations = null)
    {
        var document = new Dictionary<string, object>
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = OciManifest,
            ["config"] = new { mediaType = EmptyType, digest = DigestOf(Empty), size = Empty.Length },
            ["layers"] = new[] { new { mediaType = "application/vnd.oci.image.layer.v1.tar", digest = DigestOf(layer), size = layer.Length } },
        };
        if (artifactType is not null) document["artifactType"] = artifactType;
        if (subjectDigest is not null) document["subject"] = new { mediaType = OciManifest, digest = subjectDigest, size = subjectSize };
        if (annotations is not null) document["annotations"] = annotations;
        return JsonSerializer.SerializeToUtf8Bytes(document);
    }

    public static byte[] Index(params byte[][] manifests) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        schemaVersion = 2, mediaType = OciIndex,
        manifests = manifests.Select(manifest => new { mediaType = OciManifest, digest = DigestOf(manifest), size = manifest.Length }).ToArray(),
    });

    public async Task<List<string>> TagsAsync(string name, string query = "")
    {
        var response = await GetAsync($"/v2/{name}/tags/list{query}");
        await response.ShouldBeAsync(HttpStatusCode.OK);
        var tags = (await response.JsonAsync()).GetProperty("tags");
        return tags.ValueKind == JsonValueKind.Null ? [] : [.. tags.EnumerateArray().Select(tag => tag.GetString()!)];
    }

    public void Dispose() => Http.Dispose();
}

/// <summary>What tests ask of answers.</summary>
public static class RegistryAnswers
{
    public static async Task<HttpResponseMessage> ShouldBeAsync(this HttpResponseMessage response, HttpStatusCode status)
    {
        if (response.StatusCode != status) response.StatusCode.ShouldBe(status, $"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri}: {await response.Content.ReadAsStringAsync()}");
        return response;
    }

    /// <summary>The status, and an error body with the code.</summary>
    public static async Task ShouldRefuseAsync(this HttpResponseMessage response, int status, string code)
    {
        ((int)response.StatusCode).ShouldBe(status, await response.Content.ReadAsStringAsync());
        var errors = (await response.JsonAsync()).GetProperty("errors");
        errors[0].GetProperty("code").GetString().ShouldBe(code);
    }

    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response) => JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;

    public static string? Header(this HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;

    /// <summary>The Location header as a URL or path.</summary>
    public static string Where(this HttpResponseMessage response) => response.Header("Location").ShouldNotBeNull();

    public static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
