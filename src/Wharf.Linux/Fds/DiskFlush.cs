using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>Flushes that .NET has no name for.</summary>
public static class DiskFlush
{
    /// <summary>syncfs(2): everything written so far to the file system that holds the path is on its disk when this returns.</summary>
    public static void FileSystemOf(string path)
    {
        using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        if (Libc.syncfs(directory.Value) != 0) throw SyscallException.FromLast("syncfs", path);
    }

    /// <summary>fsync(2) of a file or a directory by its path.</summary>
    public static void File(string path)
    {
        using var file = OpenAt.Open(path, O.RDONLY);
        if (Libc.fsync(file.Value) != 0) throw SyscallException.FromLast("fsync", path);
    }
}
