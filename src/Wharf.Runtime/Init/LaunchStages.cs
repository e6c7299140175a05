using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>
/// The places where a child stops and lets its parent work: a byte up a pipe says it is there, a byte down lets it go on. Such a child
/// has memory of its own: what it uses of a container's memory group must not be charged to the runtime, nor end it (the OOM killer
/// takes all that share memory), and it may outlive the runtime. The upward pipe closes with the execve.
/// </summary>
internal sealed unsafe class LaunchStages : IDisposable
{
    private const int O_CLOEXEC = 0x80000, PR_SET_PDEATHSIG = 1, SIGKILL = 9, F_DUPFD_CLOEXEC = 1030;

    private readonly LaunchProgram _program;
    private readonly Fd _upRead, _downWrite;
    private Fd? _upWrite, _downRead;
    private int _up, _down;
    private readonly nint _byte;

    public LaunchStages(LaunchProgram program)
    {
        _program = program;
        (_upRead, _upWrite) = Pipe();
        (_downRead, _downWrite) = Pipe();
        (_up, _down) = (_upWrite.Value, _downRead.Value);
        _byte = program.Allocate(8);
    }

    /// <summary>The first steps of the child. It ends with its parent until <see cref="AddLeaveParent"/>.</summary>
    public void AddBegin(bool sharesDescriptors)
    {
        _program.Add("prctl PR_SET_PDEATHSIG", LaunchSyscalls.prctl, PR_SET_PDEATHSIG, SIGKILL);
        if (sharesDescriptors) return;
        // The parent's ends: while the child holds a copy it would never read their end.
        _program.Add("close", LaunchSyscalls.close, _upRead.Value);
        _program.Add("close", LaunchSyscalls.close, _downWrite.Value);
    }

    /// <summary>A child that shared its parent's descriptors has its own from here on.</summary>
    public void AddUnshareDescriptors()
    {
        const int CLONE_FILES = 0x400;
        _program.Add("unshare descriptors", LaunchSyscalls.unshare, CLONE_FILES);
        _program.Add("close", LaunchSyscalls.close, _upRead.Value);
        _program.Add("close", LaunchSyscalls.close, _downWrite.Value);
    }

    public void AddStop(string name)
    {
        _program.Add("tell: " + name, LaunchSyscalls.write, _up, _byte, 1);
        _program.Add("wait: " + name, LaunchSyscalls.read, _down, _byte, 1, onError: OnError.FailOrZero);
    }

    /// <summary>Tells the parent that this point is reached, without a stop.</summary>
    public void AddTell(string name) => _program.Add("tell: " + name, LaunchSyscalls.write, _up, _byte, 1);

    public void AddLeaveParent() => _program.Add("prctl PR_SET_PDEATHSIG", LaunchSyscalls.prctl, PR_SET_PDEATHSIG, 0);

    /// <summary>Moves the child's ends, and others the program still needs, to the descriptors from <paramref name="first"/> on; gives the first free one.</summary>
    public int AddMove(int first, params Span<int> others)
    {
        Span<int> all = [_up, _down, .. others];
        var copies = new int[all.Length];
        // They may lie where another is to go: by way of numbers above them all.
        for (int i = 0; i < all.Length; i++) copies[i] = _program.Add("fcntl F_DUPFD_CLOEXEC", LaunchSyscalls.fcntl, all[i], F_DUPFD_CLOEXEC, first + all.Length);
        for (int i = 0; i < all.Length; i++) _program.Add("dup3", LaunchSyscalls.dup3, copies[i], first + i, O_CLOEXEC, references: 1);
        (_up, _down) = (first, first + 1);
        return first + all.Length;
    }

    /// <summary>To be called after the clone when the child has its own descriptors: its end alone must keep the pipe open.</summary>
    public void CloseChildEnds()
    {
        _upWrite?.Dispose();
        _downRead?.Dispose();
        (_upWrite, _downRead) = (null, null);
    }

    /// <summary>The child, once there is one: its end ends the waiting too.</summary>
    public Fd? Child { get; set; }

    /// <summary>Waits until the child has come to its next stop; false when it has ended, or has executed its program.</summary>
    public bool Await()
    {
        Span<PollEntry> entries = [new PollEntry(_upRead.Value, FdPoll.POLLIN), new PollEntry(Child?.Value ?? -1, FdPoll.POLLIN)];
        FdPoll.Wait(entries, -1);
        if ((entries[0].Returned & FdPoll.POLLIN) == 0) return false;
        byte said;
        return Libc.read(_upRead.Value, &said, 1) == 1;
    }

    public void Resume()
    {
        byte go = 1;
        SyscallException.Check(Libc.write(_downWrite.Value, &go, 1), "write");
    }

    private static (Fd Read, Fd Write) Pipe()
    {
        var ends = stackalloc int[2];
        SyscallException.Check(Libc.pipe2(ends, O_CLOEXEC), "pipe2");
        return (new Fd(ends[0]), new Fd(ends[1]));
    }

    public void Dispose()
    {
        CloseChildEnds();
        _upRead.Dispose();
        _downWrite.Dispose();
    }
}
