using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Containers;

/// <summary>What this folder logs.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Error, "{What} of container {Id} failed")]
    public static partial void BackgroundFailed(this ILogger log, string what, string id, Exception error);

    [LoggerMessage(LogLevel.Warning, "Network of container {Id} could not be taken down")]
    public static partial void TearDownFailed(this ILogger log, string id, Exception error);

    [LoggerMessage(LogLevel.Warning, "The shim does not take the names of containers: those that run find no others by name until they are started anew")]
    public static partial void NamesNotRestored(this ILogger log, Exception error);

    [LoggerMessage(LogLevel.Warning, "Container {Id} ended, but its volume {Volume} could not be unmounted")]
    public static partial void UnmountFailed(this ILogger log, string id, string volume, Exception error);

    [LoggerMessage(LogLevel.Warning, "Container {Id} could not be started again")]
    public static partial void RestartFailed(this ILogger log, string id, Exception error);

    [LoggerMessage(LogLevel.Information, "Container {Id} ended while no daemon watched: exit code {ExitCode}")]
    public static partial void FoundExited(this ILogger log, string id, int exitCode);

    [LoggerMessage(LogLevel.Warning, "Container {Id} was running and is gone without a trace: taken for killed")]
    public static partial void FoundLost(this ILogger log, string id);

    [LoggerMessage(LogLevel.Information, "Freed what an unfinished create or remove of container {Id} left")]
    public static partial void FreedLeftover(this ILogger log, string id);

    [LoggerMessage(LogLevel.Warning, "The shim runs container {Id} which nobody knows: ended")]
    public static partial void UnknownInShim(this ILogger log, string id);

    [LoggerMessage(LogLevel.Warning, "Start of container {Id}: {Warning}")]
    public static partial void StartWarning(this ILogger log, string id, string warning);

    [LoggerMessage(LogLevel.Warning, "Health probe of container {Id} could not run")]
    public static partial void ProbeFailed(this ILogger log, string id, Exception error);

    [LoggerMessage(LogLevel.Warning, "The daemon's own processes could not leave the cgroup {Group}: limits of containers may not work")]
    public static partial void NestedRootNotLeft(this ILogger log, string group, Exception error);
}
