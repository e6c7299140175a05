using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>Why a program could not be executed, with the words clients look for and docker's exit codes.</summary>
internal static class ExecErrors
{
    public static LaunchException NotInPath(string command) =>
        new($"exec: \"{command}\": executable file not found in $PATH", "exec", Errno.ENOENT, 127);

    public static LaunchException Of(string command, int errno) =>
        new($"exec: \"{command}\": {(errno == Errno.ENOENT ? $"stat {command}: " : "")}{Words(errno)}", "exec", errno, errno == Errno.ENOENT ? 127 : 126);

    public static LaunchException OfDirectory(string command) => new($"exec: \"{command}\": is a directory: permission denied", "exec", Errno.EACCES, 126);

    /// <summary>What execve itself said of a program that was found: of a script it may be the interpreter that is missing.</summary>
    public static LaunchException OfExecve(string command, int errno) => new($"exec {command}: {Words(errno)}", "exec", errno, errno == Errno.ENOENT ? 127 : 126);

    private static string Words(int errno) => errno switch
    {
        Errno.ENOENT => "no such file or directory",
        Errno.EACCES => "permission denied",
        Errno.EISDIR => "is a directory",
        Errno.ENOEXEC => "exec format error",
        Errno.E2BIG => "argument list too long",
        _ => Marshal.GetPInvokeErrorMessage(errno).ToLowerInvariant(),
    };
}
