using Microsoft.Extensions.Logging;

namespace Wharf.BuildKit.Transport;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "gRPC call {Method} failed")]
    public static partial void CallFailed(this ILogger log, string method, Exception error);
}
