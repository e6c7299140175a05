using Microsoft.Extensions.Logging;

namespace Wharf.Daemon.Http;

/// <summary>What connections say in the log.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "TLS handshake with {Client} failed: {Reason}")]
    public static partial void HandshakeFailed(this ILogger log, string client, string reason);
}
