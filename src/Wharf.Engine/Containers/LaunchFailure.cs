using Wharf.Linux.Syscalls;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

/// <summary>
/// How docker counts a launch that failed before the program was executed: 127 where something is not there or is no directory, 126 where something may not be used, else 128.
/// Errors with 126 and 127 are the client's (400).
/// </summary>
internal static class LaunchFailure
{
    /// <summary>The exit code of everything that is not the program's own failure, as the shim tells it.</summary>
    private const int Runtime = 125;
    private const string Hint = "not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";

    public static ShimError Counted(ShimError error) => error.ExitCode != Runtime ? error : error.Errno switch
    {
        Errno.ENOTDIR => error with { ExitCode = 127, Message = $"{error.Message}: {Hint}" },
        // What mount(2) answers with ENOTDIR, move_mount(2) answers with EINVAL.
        Errno.EINVAL when error.Message.Contains("move_mount", StringComparison.Ordinal) => error with { ExitCode = 127, Message = $"{error.Message}: {Hint}" },
        Errno.ENOENT => error with { ExitCode = 127 },
        Errno.EACCES or Errno.EISDIR => error with { ExitCode = 126 },
        _ => error with { ExitCode = 128 },
    };
}
