using System.Runtime.InteropServices;

namespace Wharf.Linux.Syscalls;

/// <summary>A system call failed. The message reads <c>openat2 "/etc/passwd": Permission denied (EACCES)</c>.</summary>
public sealed class SyscallException(string call, int errno, string? path = null)
    : IOException($"{call}{(path is null ? "" : $" \"{path}\"")}: {Marshal.GetPInvokeErrorMessage(errno)} ({Syscalls.Errno.Name(errno)})")
{
    public string Call { get; } = call;
    public int Errno { get; } = errno;
    public string? Path { get; } = path;

    /// <summary>The one place where errno of the last call becomes an exception.</summary>
    public static SyscallException FromLast(string call, string? path = null) => new(call, Marshal.GetLastPInvokeError(), path);

    public static int Check(int result, string call, string? path = null) => result < 0 ? throw FromLast(call, path) : result;
    public static nint Check(nint result, string call, string? path = null) => result < 0 ? throw FromLast(call, path) : result;
}
