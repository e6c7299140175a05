using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Ownership of the engine's own files.</summary>
public static class FileOwner
{
    private const uint Unchanged = uint.MaxValue;

    public static void Set(string path, uint uid, uint gid) =>
        SyscallException.Check(Libc.fchownat(OpenAt.AT_FDCWD, path, uid, gid, OpenAt.AT_SYMLINK_NOFOLLOW), "fchownat", path);

    public static void SetGroup(string path, uint gid) =>
        Set(path, Unchanged, gid);
}
