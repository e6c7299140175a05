using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>A second name for a file of the engine's own.</summary>
public static class HardLink
{
    private const int EEXIST = 17;

    /// <summary>link(2): gives the file another name on the same file system. False when that name is taken already.</summary>
    public static bool TryCreate(string existing, string name)
    {
        if (Libc.linkat(OpenAt.AT_FDCWD, existing, OpenAt.AT_FDCWD, name, 0) == 0) return true;
        var error = SyscallException.FromLast("linkat", name);
        return error.Errno == EEXIST ? false : throw error;
    }
}
