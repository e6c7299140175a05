using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>What kind of file system a file lies on (fstatfs(2), <c>f_type</c>, the same place on 64-bit architectures).</summary>
public static unsafe class FileSystemType
{
    private const int Size = 120;
    private const long PROC_SUPER_MAGIC = 0x9fa0, BTRFS_SUPER_MAGIC = 0x9123683e, SYSFS_MAGIC = 0x62656572, CGROUP_SUPER_MAGIC = 0x27e0eb, CGROUP2_SUPER_MAGIC = 0x63677270, ZFS_SUPER_MAGIC = 0x2fc12fc1;

    public static bool IsProc(Fd file) => Of(file) == PROC_SUPER_MAGIC;

    /// <summary>Files that are no data, but ways to ask and tell the kernel: proc(5), sysfs(5), cgroups(7).</summary>
    public static bool IsOfKernel(Fd file) => Of(file) is PROC_SUPER_MAGIC or SYSFS_MAGIC or CGROUP_SUPER_MAGIC or CGROUP2_SUPER_MAGIC;

    public static bool IsBtrfs(Fd file) => Of(file) == BTRFS_SUPER_MAGIC;

    public static bool IsZfs(Fd file) => Of(file) == ZFS_SUPER_MAGIC;

    private static long Of(Fd file)
    {
        var statfs = stackalloc byte[Size];
        SyscallException.Check(Libc.fstatfs(file.Value, statfs), "fstatfs");
        return *(long*)statfs;
    }
}
