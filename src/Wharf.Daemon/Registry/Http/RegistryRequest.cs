using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Wharf.Daemon.Registry.Auth;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Http;

/// <summary>One request to the registry, with who asks and the ways to answer.</summary>
public sealed class RegistryRequest(HttpContext http, RegistryRoute route, Identity identity)
{
    public HttpContext Http { get; } = http;
    public RegistryRoute Route { get; } = route;
    public Identity Identity { get; } = identity;
    public string Name => Route.Name;
    public CancellationToken Cancellation => Http.RequestAborted;
    public bool IsHead => HttpMethods.IsHead(Http.Request.Method);

    public string? Query(string name) => Http.Request.Query.TryGetValue(name, out var values) && values.Count > 0 ? values[0] : null;

    /// <summary>A digest of path or query; DIGEST_INVALID when it is none.</summary>
    public static Digest ParseDigest(string text) => Digest.TryParse(text, out var digest) ? digest : throw new RegistryException(RegistryErrorCode.DigestInvalid, "invalid digest: expected sha256: or sha512: and lower-case hex");

    /// <summary>The <c>n</c> of a listing, null when absent; UNSUPPORTED (400) when it is no whole number from 0 on.</summary>
    public int? PageSize()
    {
        if (Query("n") is not { Length: > 0 } text) return null;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n)) throw new RegistryException(RegistryErrorCode.PageNumberInvalid, detail: text.Length <= 40 ? text : text[..40]);
        return n;
    }

    public void Header(string name, string value) => Http.Response.Headers[name] = value;

    /// <summary>Answers with a status and no body.</summary>
    public Task EmptyAsync(int status)
    {
        Http.Response.StatusCode = status;
        if (status is not (StatusCodes.Status204NoContent or StatusCodes.Status304NotModified)) Http.Response.ContentLength = 0;
        return Task.CompletedTask;
    }

    public Task JsonAsync<T>(T value, JsonTypeInfo<T> type, string contentType = "application/json") => BytesAsync(JsonSerializer.SerializeToUtf8Bytes(value, type), contentType);

    public async Task BytesAsync(ReadOnlyMemory<byte> bytes, string contentType)
    {
        Http.Response.ContentType = contentType;
        Http.Response.ContentLength = bytes.Length;
        if (!IsHead) await Http.Response.Body.WriteAsync(bytes, Cancellation);
    }
}
