using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Shims;

/// <summary>What this folder logs.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Error, "The shim has ended, and another could not be had: it is tried again")]
    public static partial void NoOtherShim(this ILogger log, Exception error);

    [LoggerMessage(LogLevel.Warning, "{Id}: the streams of its client were not handed over")]
    public static partial void NotHandedOver(this ILogger log, string id, Exception error);

    [LoggerMessage(LogLevel.Error, "An event of the shim could not be dealt with")]
    public static partial void EventFailed(this ILogger log, Exception error);
}
