using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Mounts;

/// <summary>What kind of file system a file lies on (fstatfs(2), <c>f_type</c>, the same place on 64-bit architectures).</summary>
public static unsafe class FileSystemType
{
    private const int Size = 120;
    private const long PROC_SUPER_MAGIC = 0x9fa0;

    public static bool IsProc(Fd file)
    {
        var statfs = stackalloc byte[Size];
        SyscallException.Check(Libc.fstatfs(file.Value, statfs), "fstatfs");
        return *(long*)statfs == PROC_SUPER_MAGIC;
    }
}
