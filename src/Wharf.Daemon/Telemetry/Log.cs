using Microsoft.Extensions.Logging;

namespace Wharf.Daemon.Telemetry;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} spans lost: {Reason}")]
    public static partial void TracesLost(this ILogger log, int count, string reason);
}
