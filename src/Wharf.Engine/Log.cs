using Microsoft.Extensions.Logging;

namespace Wharf.Engine;

/// <summary>What this folder logs.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Error, "What the start had made could not all be undone")]
    public static partial void StartNotUndone(this ILogger log, Exception error);
}
