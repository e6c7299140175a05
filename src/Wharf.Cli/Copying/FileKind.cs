using System.Runtime.InteropServices;

namespace Wharf.Cli.Copying;

/// <summary>What kind of file a path is, which the base library tells of links and directories only.</summary>
internal static unsafe partial class FileKind
{
    private const int AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100;
    private const uint STATX_TYPE = 1;
    private const int S_IFMT = 0xF000, S_IFSOCK = 0xC000, S_IFREG = 0x8000;

    public static bool IsSocket(string path) => Type(path) == S_IFSOCK;

    public static bool IsRegular(string path) => Type(path) == S_IFREG;

    private static int Type(string path)
    {
        // struct statx is 256 bytes and the same on every architecture, stx_mode 16 bits at offset 28 (statx(2)).
        var buffer = stackalloc byte[256];
        return StatX(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, buffer) == 0 ? *(ushort*)(buffer + 28) & S_IFMT : 0;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);
}
