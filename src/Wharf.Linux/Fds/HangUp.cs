using System.Runtime.InteropServices;

namespace Wharf.Linux.Fds;

/// <summary>Whether the other end of a socket is wholly gone, which the end of its input alone does not tell (poll(2)).</summary>
public static partial class HangUp
{
    private const short POLLERR = 0x8, POLLHUP = 0x10;

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Fd;
        public short Events, Returned;
    }

    public static bool IsSeen(nint fd)
    {
        var descriptor = new PollDescriptor { Fd = (int)fd };
        return poll(ref descriptor, 1, 0) > 0 && (descriptor.Returned & (POLLERR | POLLHUP)) != 0;
    }

    [LibraryImport("libc", SetLastError = true)] private static partial int poll(ref PollDescriptor descriptors, nuint count, int milliseconds);
}
