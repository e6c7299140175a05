using Microsoft.Extensions.Logging;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>What the registry says in its log.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "registry ready: serving {Address}, storage {Storage}")]
    public static partial void RegistryReady(this ILogger log, string address, string storage);

    [LoggerMessage(Level = LogLevel.Information, Message = "registry stopping on {Signal}")]
    public static partial void RegistryStopping(this ILogger log, string signal);

    [LoggerMessage(Level = LogLevel.Information, Message = "the last process did not end cleanly: the index was made anew from the store in {Seconds} s")]
    public static partial void IndexRebuilt(this ILogger log, double seconds);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method} {Path}: {Status} in {Milliseconds} ms")]
    public static partial void Answered(this ILogger log, string method, string path, int status, double milliseconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path}: {Status}")]
    public static partial void Failed(this ILogger log, string method, string path, int status, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "webhook {Url} answers {Status}: it is tried again")]
    public static partial void WebhookRefused(this ILogger log, string url, int status);

    [LoggerMessage(Level = LogLevel.Warning, Message = "webhook {Url}: {Reason}: it is tried again")]
    public static partial void WebhookFailed(this ILogger log, string url, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "collection: {Blobs} blobs removed, {Bytes} bytes freed, {Manifests} manifests, {Tags} tags, {Uploads} uploads expired")]
    public static partial void Collected(this ILogger log, int blobs, long bytes, int manifests, int tags, int uploads);

    [LoggerMessage(Level = LogLevel.Debug, Message = "collection: another process over this store does it")]
    public static partial void CollectedElsewhere(this ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Work} failed: it is tried again later")]
    public static partial void WorkFailed(this ILogger log, string work, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "blob {Digest} is damaged: {Reason}")]
    public static partial void BlobDamaged(this ILogger log, string digest, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "TLS certificate read from {Path}")]
    public static partial void CertificateLoaded(this ILogger log, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "TLS certificate {Path} cannot be read, the former one stays in use: {Reason}")]
    public static partial void CertificateRefused(this ILogger log, string path, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} spans are lost: {Url}: {Reason}")]
    public static partial void SpansLost(this ILogger log, int count, string url, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "upstream {Upstream} for {Repository}: {Reason}")]
    public static partial void UpstreamFailed(this ILogger log, string upstream, string repository, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "login refused for {User} from {Address}: {Reason}")]
    public static partial void LoginRefused(this ILogger log, string user, string address, string reason);
}
