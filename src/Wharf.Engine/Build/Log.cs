using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Build;

/// <summary>Log messages of this folder.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "the build cache could not be brought within its bounds; it is tried again after the next build")]
    public static partial void CollectFailed(ILogger logger, Exception error);
}
