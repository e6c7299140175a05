using System.Runtime.InteropServices;

namespace Wharf.Linux.Fds;

/// <summary>The process's file mode creation mask.</summary>
public static partial class FileMode
{
    /// <summary>Sets the mask for the whole process and returns the former one.</summary>
    public static uint SetUmask(uint mask) => umask(mask);

    [LibraryImport("libc")] private static partial uint umask(uint mask);
}
