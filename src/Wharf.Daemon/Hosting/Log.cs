using Microsoft.Extensions.Logging;

namespace Wharf.Daemon.Hosting;

/// <summary>What the daemon's front says in its log.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "daemon ready: version {Version}, serving {Hosts}, data root {DataRoot}")]
    public static partial void Ready(this ILogger log, string version, string hosts, string dataRoot);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Host} is served WITHOUT ENCRYPTION AND AUTHENTICATION: whoever reaches it is root on this machine")]
    public static partial void Unprotected(this ILogger log, string host);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the configuration's {Key}")]
    public static partial void WithoutEffect(this ILogger log, string key);

    [LoggerMessage(Level = LogLevel.Information, Message = "reading the configuration anew on SIGHUP")]
    public static partial void Reloading(this ILogger log);

    [LoggerMessage(Level = LogLevel.Error, Message = "the configuration stays as it was: {Error}")]
    public static partial void ReloadFailed(this ILogger log, string error);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping on {Signal}")]
    public static partial void Stopping(this ILogger log, string signal);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method} {Path}: client went away")]
    public static partial void ClientGone(this ILogger log, string method, string path);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Method} {Path}: {Status} {Error}")]
    public static partial void RequestRefused(this ILogger log, string method, string path, int status, string error);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path}: {Status}")]
    public static partial void RequestFailed(this ILogger log, string method, string path, int status, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a connection to the builder: {Error}")]
    public static partial void BuildKitRefused(this ILogger log, string error);

    [LoggerMessage(Level = LogLevel.Debug, Message = "idle: garbage collected, {Kilobytes} kB of program files unmapped")]
    public static partial void MemoryReleased(this ILogger log, long kilobytes);
}
