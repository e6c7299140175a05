using System.Runtime.InteropServices;

namespace Wharf.Linux.Syscalls;

/// <summary>File calls whose names are bytes: what a tar or a directory holds need not be UTF-8.</summary>
public static unsafe partial class Libc
{
    [LibraryImport(C, SetLastError = true)] public static partial int openat(int dirFd, byte* path, int flags, uint mode);
    [LibraryImport(C, SetLastError = true)] public static partial int mkdirat(int dirFd, byte* path, uint mode);
    [LibraryImport(C, SetLastError = true)] public static partial int mknodat(int dirFd, byte* path, uint mode, ulong device);
    [LibraryImport(C, SetLastError = true)] public static partial int symlinkat(byte* target, int dirFd, byte* path);
    [LibraryImport(C, SetLastError = true)] public static partial int linkat(int oldDirFd, byte* oldPath, int newDirFd, byte* newPath, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int unlinkat(int dirFd, byte* path, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int renameat2(int oldDirFd, byte* oldPath, int newDirFd, byte* newPath, uint flags);
    [LibraryImport(C, SetLastError = true)] public static partial nint readlinkat(int dirFd, byte* path, byte* buffer, nuint size);
    [LibraryImport(C, SetLastError = true)] public static partial int fchownat(int dirFd, byte* path, uint uid, uint gid, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int fchmodat(int dirFd, byte* path, uint mode, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int utimensat(int dirFd, byte* path, long* times, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int futimens(int fd, long* times);
    [LibraryImport(C, SetLastError = true)] public static partial int statx(int dirFd, byte* path, int flags, uint mask, void* result);
    [LibraryImport(C, SetLastError = true)] public static partial nint getdents64(int fd, void* buffer, nuint size);
    [LibraryImport(C, SetLastError = true)] public static partial long lseek(int fd, long offset, int whence);
    [LibraryImport(C, SetLastError = true)] public static partial nint pread(int fd, void* buffer, nuint count, long offset);
    [LibraryImport(C, SetLastError = true)] public static partial nint pwrite(int fd, void* buffer, nuint count, long offset);
    [LibraryImport(C, SetLastError = true)] public static partial nint copy_file_range(int source, long* sourceOffset, int target, long* targetOffset, nuint count, uint flags);
    [LibraryImport(C, SetLastError = true)] public static partial int fsetxattr(int fd, byte* name, void* value, nuint size, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int lsetxattr(byte* path, byte* name, void* value, nuint size, int flags);
    [LibraryImport(C, SetLastError = true)] public static partial int lremovexattr(byte* path, byte* name);
    [LibraryImport(C, SetLastError = true)] public static partial nint fgetxattr(int fd, byte* name, void* value, nuint size);
    [LibraryImport(C, SetLastError = true)] public static partial nint lgetxattr(byte* path, byte* name, void* value, nuint size);
    [LibraryImport(C, SetLastError = true)] public static partial nint llistxattr(byte* path, byte* list, nuint size);
}
