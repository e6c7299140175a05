namespace Wharf.Daemon.Registry.Http;

/// <summary>An error as the distribution-spec names it ("Error Codes"), with the status it is answered with.</summary>
public sealed record RegistryErrorCode(string Code, int Status, string Message)
{
    public static readonly RegistryErrorCode BlobUnknown = new("BLOB_UNKNOWN", 404, "blob unknown to registry");
    public static readonly RegistryErrorCode BlobUploadInvalid = new("BLOB_UPLOAD_INVALID", 400, "blob upload invalid");
    public static readonly RegistryErrorCode BlobUploadUnknown = new("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry");
    public static readonly RegistryErrorCode DigestInvalid = new("DIGEST_INVALID", 400, "provided digest did not match uploaded content");
    public static readonly RegistryErrorCode ManifestBlobUnknown = new("MANIFEST_BLOB_UNKNOWN", 400, "manifest references a manifest or blob unknown to registry");
    public static readonly RegistryErrorCode ManifestInvalid = new("MANIFEST_INVALID", 400, "manifest invalid");
    public static readonly RegistryErrorCode ManifestTooLarge = new("MANIFEST_INVALID", 413, "manifest too large");
    public static readonly RegistryErrorCode ManifestUnknown = new("MANIFEST_UNKNOWN", 404, "manifest unknown");
    public static readonly RegistryErrorCode NameInvalid = new("NAME_INVALID", 400, "invalid repository name");
    public static readonly RegistryErrorCode NameUnknown = new("NAME_UNKNOWN", 404, "repository name not known to registry");
    public static readonly RegistryErrorCode SizeInvalid = new("SIZE_INVALID", 400, "provided length did not match content length");
    public static readonly RegistryErrorCode BlobTooLarge = new("SIZE_INVALID", 413, "blob too large");
    public static readonly RegistryErrorCode RangeInvalid = new("BLOB_UPLOAD_INVALID", 416, "the chunk does not begin where the upload stands");
    public static readonly RegistryErrorCode RangeNotSatisfiable = new("SIZE_INVALID", 416, "the range lies outside the blob");
    public static readonly RegistryErrorCode Unauthorized = new("UNAUTHORIZED", 401, "authentication required");
    public static readonly RegistryErrorCode Denied = new("DENIED", 403, "requested access to the resource is denied");
    public static readonly RegistryErrorCode InUse = new("DENIED", 409, "a container uses the image");
    public static readonly RegistryErrorCode Unsupported = new("UNSUPPORTED", 405, "the operation is unsupported");
    public static readonly RegistryErrorCode TooManyRequests = new("TOOMANYREQUESTS", 429, "too many requests");
    public static readonly RegistryErrorCode PageNumberInvalid = new("UNSUPPORTED", 400, "invalid number of results requested");
    public static readonly RegistryErrorCode PreconditionFailed = new("MANIFEST_INVALID", 412, "the tag is no longer what the request expects");
    public static readonly RegistryErrorCode Busy = new("BLOB_UPLOAD_INVALID", 409, "another request is writing to this upload");
    public static readonly RegistryErrorCode Collecting = new("UNSUPPORTED", 409, "another process over this store collects at this moment");
    public static readonly RegistryErrorCode NotFound = new("UNSUPPORTED", 404, "page not found");
    public static readonly RegistryErrorCode Unavailable = new("UNAVAILABLE", 503, "service unavailable");
    public static readonly RegistryErrorCode Unknown = new("UNKNOWN", 500, "unknown error");
}

/// <summary>A request the registry refuses.</summary>
public sealed class RegistryException(RegistryErrorCode code, string? message = null, string? detail = null, Exception? inner = null) : Exception(message ?? code.Message, inner)
{
    public RegistryErrorCode Code { get; } = code;
    /// <summary>What the error is about, such as the digest or the tag.</summary>
    public string? Detail { get; } = detail;
    /// <summary>Headers that belong to the refusal: a challenge, where an upload stands.</summary>
    public Dictionary<string, string> Headers { get; } = [];

    public RegistryException With(string header, string value)
    {
        Headers[header] = value;
        return this;
    }
}
