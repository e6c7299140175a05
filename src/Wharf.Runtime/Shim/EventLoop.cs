using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Shim;

/// <summary>What an event loop tells of a descriptor (epoll(7)).</summary>
[Flags]
internal enum Poll : uint { None = 0, In = 1, Out = 4, Error = 8, HangUp = 16, ReadHangUp = 0x2000 }

/// <summary>
/// One thread, one epoll: all state of the shim is touched on it alone, so there are no locks. Other threads hand work over with
/// <see cref="Post"/>.
/// </summary>
internal sealed unsafe partial class EventLoop : IDisposable
{
    private const int EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3, EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800, MaxEvents = 128;

    // struct epoll_event is packed on x86-64 only.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = EventSize - 8;

    private readonly Fd _epoll = new(SyscallException.Check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
    private readonly Fd _wake = new(SyscallException.Check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly Dictionary<int, Action<Poll>> _handlers = [];
    private readonly PriorityQueue<Action, long> _timers = new();
    private bool _stopped;

    /// <summary>Called once each time nothing has happened for <see cref="Quiet"/> after something did.</summary>
    public Action? Idle { get; set; }
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(2);

    [LibraryImport("libc", SetLastError = true)] private static partial int epoll_create1(int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial int epoll_ctl(int epoll, int operation, int fd, byte* value);
    [LibraryImport("libc", SetLastError = true)] private static partial int epoll_wait(int epoll, byte* events, int count, int timeout);
    [LibraryImport("libc", SetLastError = true)] private static partial int eventfd(uint initial, int flags);

    public EventLoop() => Add(_wake, Poll.In, _ => DrainPosted());

    /// <summary>Calls <paramref name="handler"/> on the loop whenever the descriptor is ready. The descriptor stays the caller's.</summary>
    public void Add(Fd fd, Poll interest, Action<Poll> handler)
    {
        Control(EPOLL_CTL_ADD, fd.Value, interest);
        _handlers[fd.Value] = handler;
    }

    public void Change(Fd fd, Poll interest) => Control(EPOLL_CTL_MOD, fd.Value, interest);

    /// <summary>Must be called before the descriptor is closed: its number may be used anew at once.</summary>
    public void Remove(Fd fd)
    {
        if (_handlers.Remove(fd.Value)) Control(EPOLL_CTL_DEL, fd.Value, Poll.None);
    }

    /// <summary>Runs work on the loop; from any thread.</summary>
    public void Post(Action work)
    {
        _posted.Enqueue(work);
        ulong one = 1;
        _ = Libc.write(_wake.Value, &one, 8); // EAGAIN: it is awake already
    }

    /// <summary>Runs work on the loop after a delay.</summary>
    public void After(TimeSpan delay, Action work) => _timers.Enqueue(work, Environment.TickCount64 + (long)delay.TotalMilliseconds);

    public void Stop() => _stopped = true;

    public void Run()
    {
        var events = stackalloc byte[MaxEvents * EventSize];
        long? quietAt = null;
        while (!_stopped)
        {
            int count = epoll_wait(_epoll.Value, events, MaxEvents, Timeout(quietAt));
            if (count > 0) quietAt = Environment.TickCount64 + (long)Quiet.TotalMilliseconds;
            else if (quietAt <= Environment.TickCount64)
            {
                quietAt = null;
                Idle?.Invoke();
            }
            for (int i = 0; i < count; i++)
            {
                var at = events + i * EventSize;
                // A handler called before may have removed this descriptor.
                if (_handlers.TryGetValue(*(int*)(at + DataOffset), out var handler)) handler((Poll)(*(uint*)at));
            }
            while (_timers.TryPeek(out var work, out long due) && due <= Environment.TickCount64)
            {
                _timers.Dequeue();
                work();
            }
        }
    }

    private int Timeout(long? quietAt)
    {
        long next = _timers.TryPeek(out _, out long due) ? Math.Min(due, quietAt ?? due) : quietAt ?? -1;
        return next < 0 ? -1 : (int)Math.Clamp(next - Environment.TickCount64, 0, int.MaxValue);
    }

    private void DrainPosted()
    {
        ulong count;
        _ = Libc.read(_wake.Value, &count, 8);
        while (_posted.TryDequeue(out var work)) work();
    }

    private void Control(int operation, int fd, Poll interest)
    {
        var value = stackalloc byte[16];
        new Span<byte>(value, 16).Clear();
        *(uint*)value = (uint)interest;
        *(int*)(value + DataOffset) = fd;
        SyscallException.Check(epoll_ctl(_epoll.Value, operation, fd, value), "epoll_ctl");
    }

    public void Dispose()
    {
        _wake.Dispose();
        _epoll.Dispose();
    }
}
