using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Cgroups;

/// <summary>
/// Tells when the OOM killer has been at work in a group. <see cref="Fd"/> becomes readable then (poll, epoll), and also when the group goes;
/// <see cref="Drain"/> takes the notice, and <see cref="Cgroup.OomKills"/> says whether it was one. v1: an eventfd on memory.oom_control; v2: inotify on memory.events.
/// </summary>
public sealed unsafe partial class OomWatch : IDisposable
{
    private const int EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800, IN_CLOEXEC = 0x80000, IN_NONBLOCK = 0x800, IN_MODIFY = 2;

    [LibraryImport("libc", SetLastError = true)] private static partial int eventfd(uint initial, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial int inotify_init1(int flags);
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)] private static partial int inotify_add_watch(int fd, string path, uint mask);

    private OomWatch(Fd fd) => Fd = fd;

    public Fd Fd { get; }

    internal static OomWatch? OfV1(string directory)
    {
        int control = Libc.openat(OpenAt.AT_FDCWD, directory + "/memory.oom_control", O.RDONLY | O.CLOEXEC, 0);
        if (control < 0) return null; // no memory controller
        using var file = new Fd(control);
        var notice = new Fd(SyscallException.Check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
        // A kernel with preemption for realtime has no such events (cgroup.event_control is missing): then the exit alone tells.
        if (CgroupFile.TryWrite(directory + "/cgroup.event_control", $"{notice.Value} {control}") == 0) return new OomWatch(notice);
        notice.Dispose();
        return null;
    }

    internal static OomWatch? OfV2(string directory)
    {
        var notice = new Fd(SyscallException.Check(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "inotify_init1"));
        if (inotify_add_watch(notice.Value, directory + "/memory.events", IN_MODIFY) >= 0) return new OomWatch(notice);
        notice.Dispose();
        return null; // no memory controller
    }

    /// <summary>Takes all notices there are.</summary>
    public void Drain()
    {
        var buffer = stackalloc byte[1024];
        while (Libc.read(Fd.Value, buffer, 1024) > 0) { }
    }

    public void Dispose() => Fd.Dispose();
}
