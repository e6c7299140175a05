using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Ownership of the engine's own files.</summary>
public static class FileOwner
{
    private const uint Unchanged = uint.MaxValue;

    public static void SetGroup(string path, uint gid) =>
        SyscallException.Check(Libc.fchownat(OpenAt.AT_FDCWD, path, Unchanged, gid, OpenAt.AT_SYMLINK_NOFOLLOW), "fchownat", path);
}
