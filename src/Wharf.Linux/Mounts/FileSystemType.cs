using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>What kind of file system a file lies on (fstatfs(2), <c>f_type</c>, the same place on 64-bit architectures).</summary>
public static unsafe class FileSystemType
{
    private const int Size = 120;
    private const long PROC_SUPER_MAGIC = 0x9fa0, BTRFS_SUPER_MAGIC = 0x9123683e;

    public static bool IsProc(Fd file) => Of(file) == PROC_SUPER_MAGIC;

    public static bool IsBtrfs(Fd file) => Of(file) == BTRFS_SUPER_MAGIC;

    private static long Of(Fd file)
    {
        var statfs = stackalloc byte[Size];
        SyscallException.Check(Libc.fstatfs(file.Value, statfs), "fstatfs");
        return *(long*)statfs;
    }
}
