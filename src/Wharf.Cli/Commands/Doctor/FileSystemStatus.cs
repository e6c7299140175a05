using System.Runtime.InteropServices;

namespace Wharf.Cli.Commands.Doctor;

/// <summary>statvfs(3), for the number of inodes.</summary>
internal static partial class FileSystemStatus
{
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    private struct Statvfs
    {
        // Eleven longs on 64-bit Linux; the rest is room.
        public ulong BlockSize, FragmentSize, Blocks, BlocksFree, BlocksAvailable, Files, FilesFree, FilesAvailable;
    }

    public static bool TryRead(string path, out long total, out long free)
    {
        bool works = statvfs(path, out var status) == 0;
        (total, free) = works ? ((long)status.Files, (long)status.FilesAvailable) : (0, 0);
        return works;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] private static partial int statvfs(string path, out Statvfs status);
}
