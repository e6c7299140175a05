using System.Runtime.InteropServices;

namespace Wharf.Linux.Syscalls;

/// <summary>The C library's thin wrappers, under their own names. Wrappers that throw live beside what they serve.</summary>
public static unsafe partial class Libc
{
    private const string C = "libc";

    [LibraryImport(C, SetLastError = true, EntryPoint = "syscall")] public static partial nint syscall(nint number, nint a1 = 0, nint a2 = 0, nint a3 = 0, nint a4 = 0, nint a5 = 0, nint a6 = 0);

    [LibraryImport(C, SetLastError = true)] public static partial int close(int fd);
    [LibraryImport(C, SetLastError = true)] public static partial int madvise(void* address, nuint length, int advice);
    [LibraryImport(C)] public static partial int malloc_trim(nuint pad);
    [LibraryImport(C)] public static partial int mallopt(int parameter, int value);
    [LibraryImport(C, SetLastError = true)] public static partial nint read(int fd, void* buffer, nuint count);
    [LibraryImport(C, SetLastError = true)] public static partial nint write(int fd, void* buffer, nuint count);
    [LibraryImport(C, SetLastError = true)] public static partial int pipe2(int* fds, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int dup3(int oldFd, int newFd, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int fcntl(int fd, int command, nint argument);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int openat(int dirFd, string path, int flags, uint mode);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int mkdirat(int dirFd, string path, uint mode);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int mknodat(int dirFd, string path, uint mode, ulong device);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int symlinkat(string target, int dirFd, string path);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int linkat(int oldDirFd, string oldPath, int newDirFd, string newPath, int flags);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int unlinkat(int dirFd, string path, int flags);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int faccessat(int dirFd, string path, int mode, int flags);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int renameat2(int oldDirFd, string oldPath, int newDirFd, string newPath, uint flags);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial nint readlinkat(int dirFd, string path, byte* buffer, nuint size);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int fchownat(int dirFd, string path, uint uid, uint gid, int flags);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int fchmodat(int dirFd, string path, uint mode, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int fchmod(int fd, uint mode);
    [LibraryImport(C, SetLastError = true)] public static partial int fchown(int fd, uint uid, uint gid);
    [LibraryImport(C, SetLastError = true)] public static partial int ftruncate(int fd, long length);
    [LibraryImport(C, SetLastError = true)] public static partial int fsync(int fd);
    [LibraryImport(C, SetLastError = true)] public static partial int syncfs(int fd);
    [LibraryImport(C, SetLastError = true)] public static partial int fstatfs(int fd, byte* result);
    [LibraryImport(C, SetLastError = true)] public static partial int flock(int fd, int operation);
    [LibraryImport(C, SetLastError = true)] public static partial int ioctl(int fd, nuint request, nint argument);

    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int mount(string? source, string target, string? type, nuint flags, string? data);
    [LibraryImport(C, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] public static partial int umount2(string target, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int unshare(int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int setns(int fd, int type);
    [LibraryImport(C, SetLastError = true)] public static partial int kill(int pid, int signal);
    [LibraryImport(C)] public static partial int getpid();
    [LibraryImport(C)] public static partial uint geteuid();
    [LibraryImport(C)] public static partial uint getegid();
    [LibraryImport(C, SetLastError = true)] public static partial int fchdir(int fd);
    [LibraryImport(C, SetLastError = true)] public static partial int prctl(int option, nuint a2, nuint a3, nuint a4, nuint a5);
}
