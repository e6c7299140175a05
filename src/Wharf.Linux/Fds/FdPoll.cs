using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Fds;

/// <summary>One descriptor in a poll(2).</summary>
public struct PollEntry(int fd, short events)
{
    public int Fd = fd;
    public short Events = events;
    public short Returned;
}

/// <summary>Waiting for descriptors.</summary>
public static unsafe partial class FdPoll
{
    public const short POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16;

    /// <summary>Waits until one entry is ready or the time is over (−1: for ever); how many are ready.</summary>
    public static int Wait(Span<PollEntry> entries, int milliseconds)
    {
        long end = Environment.TickCount64 + milliseconds;
        fixed (PollEntry* first = entries)
        {
            while (true)
            {
                int left = milliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);
                int ready = poll(first, (nuint)entries.Length, left);
                if (ready >= 0) return ready;
                if (Marshal.GetLastPInvokeError() is not Errno.EINTR and var errno) throw new SyscallException("poll", errno);
            }
        }
    }

    /// <summary>True when the descriptor became readable in time.</summary>
    public static bool Readable(Fd fd, int milliseconds)
    {
        Span<PollEntry> entry = [new PollEntry(fd.Value, POLLIN)];
        return Wait(entry, milliseconds) > 0;
    }

    [LibraryImport("libc", SetLastError = true)] private static partial int poll(PollEntry* entries, nuint count, int timeout);
}
