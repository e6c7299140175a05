using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Http;

/// <summary>Errors as the distribution-spec tells them, <c>{"errors":[{"code":…,"message":…}]}</c>. The only place that maps them to statuses.</summary>
public static class RegistryErrors
{
    private const int ENOSPC = 28;

    public static RegistryException Map(Exception error) => error switch
    {
        RegistryException registry => registry,
        BadHttpRequestException bad when bad.StatusCode == StatusCodes.Status413PayloadTooLarge => new RegistryException(RegistryErrorCode.BlobTooLarge, inner: bad),
        BadHttpRequestException bad => new RegistryException(RegistryErrorCode.BlobUploadInvalid with { Status = bad.StatusCode }, bad.Message, inner: bad),
        WharfException { Kind: ErrorKind.NotFound } wharf => new RegistryException(RegistryErrorCode.ManifestUnknown, wharf.Message, inner: wharf),
        WharfException { Kind: ErrorKind.InvalidArgument } wharf => new RegistryException(RegistryErrorCode.ManifestInvalid, wharf.Message, inner: wharf),
        WharfException { Kind: ErrorKind.Unauthorized or ErrorKind.Forbidden } wharf => new RegistryException(RegistryErrorCode.Denied, wharf.Message, inner: wharf),
        WharfException { Kind: ErrorKind.Unavailable } wharf => new RegistryException(RegistryErrorCode.Unavailable, wharf.Message, inner: wharf),
        IOException io when (io.HResult & 0xffff) == ENOSPC => new RegistryException(RegistryErrorCode.Unavailable with { Status = 507 }, "no space left on the registry's disk", inner: io),
        _ => new RegistryException(RegistryErrorCode.Unknown, inner: error),
    };

    /// <summary>Writes the error; when the answer has begun there is nothing to do but end it.</summary>
    public static async Task WriteAsync(HttpContext http, RegistryException error)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }
        var keep = http.Response.Headers["Docker-Distribution-Api-Version"];
        http.Response.Clear();
        http.Response.Headers["Docker-Distribution-Api-Version"] = keep;
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.StatusCode = error.Code.Status;
        foreach (var (name, value) in error.Headers) http.Response.Headers[name] = value;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(new ErrorDocument { Errors = [new ErrorEntry { Code = error.Code.Code, Message = error.Message, Detail = error.Detail }] }, RegistryErrorJson.Default.ErrorDocument);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.Body.WriteAsync(bytes);
    }
}

internal sealed record ErrorDocument
{
    [JsonPropertyName("errors")] public List<ErrorEntry> Errors { get; set; } = [];
}

internal sealed record ErrorEntry
{
    [JsonPropertyName("code")] public string Code { get; set; } = "";
    [JsonPropertyName("message")] public string Message { get; set; } = "";
    [JsonPropertyName("detail")] public string? Detail { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorDocument))]
internal sealed partial class RegistryErrorJson : JsonSerializerContext;
