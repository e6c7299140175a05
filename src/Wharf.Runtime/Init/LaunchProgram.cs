using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>
/// The flat table of system calls that a freshly cloned child runs up to its execve (DESIGN.md "Launching"). Built in ordinary C#
/// by the parent. Steps, arguments and answers lie in one mapping that stays shared also with a child that has its own copy of all
/// else, so that steps can be added while it waits. Freed after the child has executed its program or failed.
/// </summary>
internal sealed unsafe partial class LaunchProgram : IDisposable
{
    private const int StackSize = 64 << 10, MostSteps = 4096, MAP_SHARED = 1, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000, PROT_READ = 1, PROT_WRITE = 2;
    private const int Size = 16 << 20; // more than the kernel takes of arguments and environment (execve(2)); only what is used is there

    private readonly List<LaunchStep> _steps = [];
    private readonly List<string> _names = [];
    private readonly List<Fd> _kept = [];
    private readonly LaunchShared* _shared;
    private nint _stack;
    private int _used, _cgroup = -1, _cgroupStep;

    [LibraryImport("libc", SetLastError = true)] private static partial nint mmap(nint address, nuint length, int protection, int flags, int fd, nint offset);
    [LibraryImport("libc")] private static partial int munmap(nint address, nuint length);

    public LaunchProgram()
    {
        var memory = mmap(0, Size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == -1) throw SyscallException.FromLast("mmap");
        _shared = (LaunchShared*)memory;
        *_shared = new LaunchShared
        {
            Results = (nint*)(memory + sizeof(LaunchShared)), Steps = (LaunchStep*)(memory + sizeof(LaunchShared) + MostSteps * sizeof(nint)),
            Errno = LaunchChild.ErrnoLocation(), FailedStep = -1, ExitNumber = LaunchSyscalls.exit_group,
        };
        _used = sizeof(LaunchShared) + MostSteps * (sizeof(nint) + sizeof(LaunchStep));
    }

    /// <summary>How many steps there are; also the index the next one will have.</summary>
    public int Count => _steps.Count;

    /// <summary>The step that failed in the child, or −1.</summary>
    public int FailedStep => _shared->FailedStep;
    public int FailedErrno => _shared->FailedErrno;

    /// <summary>What a step gave: a negative error number where it failed.</summary>
    public nint ResultOf(int step) => _shared->Results[step];

    /// <summary>The name of a step, for messages: <c>mount /proc</c>.</summary>
    public string NameOf(int step) => step >= 0 && step < _names.Count ? _names[step] : "clone";

    /// <summary>Adds a system call; returns its index, which later steps can refer to.</summary>
    public int Add(string name, int number, nint a0 = 0, nint a1 = 0, nint a2 = 0, nint a3 = 0, nint a4 = 0, nint a5 = 0, byte references = 0, OnError onError = OnError.Fail, byte skip = 0)
    {
        if (_steps.Count == MostSteps) throw new LaunchException($"the configuration needs more than {MostSteps} steps", "configuration", 0, 125);
        _steps.Add(new LaunchStep { Number = number, A0 = a0, A1 = a1, A2 = a2, A3 = a3, A4 = a4, A5 = a5, References = references, OnError = onError, Skip = skip });
        _names.Add(name);
        return _steps.Count - 1;
    }

    /// <summary>Native memory, all zeros, that lives as long as the program.</summary>
    public nint Allocate(int size)
    {
        int at = _used;
        _used = checked(_used + size + 15) & ~15;
        if (_used > Size) throw new LaunchException("argument list too long", "exec", Wharf.Linux.Syscalls.Errno.E2BIG, 126);
        return (nint)_shared + at;
    }

    public nint Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var memory = Allocate(bytes.Length + 1);
        bytes.CopyTo(new Span<byte>((void*)memory, bytes.Length));
        return memory;
    }

    /// <summary>A null-terminated array of strings, as execve takes it.</summary>
    public nint Texts(IReadOnlyList<string> texts)
    {
        var array = (nint*)Allocate((texts.Count + 1) * sizeof(nint));
        for (int i = 0; i < texts.Count; i++) array[i] = Text(texts[i]);
        return (nint)array;
    }

    public nint Value<T>(T value) where T : unmanaged
    {
        var memory = Allocate(sizeof(T));
        *(T*)memory = value;
        return memory;
    }

    /// <summary>Keeps a descriptor open until the program is done; gives its number.</summary>
    public int Keep(Fd fd)
    {
        _kept.Add(fd);
        return fd.Value;
    }

    /// <summary>Hands the steps added so far to the child. One that waits takes up the new ones when it goes on.</summary>
    public void Commit()
    {
        for (int i = _shared->Count; i < _steps.Count; i++) _shared->Steps[i] = _steps[i];
        _shared->Count = _steps.Count;
    }

    /// <summary>The child is born in this cgroup where the kernel can do that, and the step that would take it there is left out.</summary>
    public void BeBornIn(Fd cgroup, int step) => (_cgroup, _cgroupStep) = (Keep(cgroup), step);

    /// <summary>Clones the child. With CLONE_VFORK it has executed its program or failed when this returns.</summary>
    public (int Pid, Fd PidFd) Clone(int cloneFlags)
    {
        Commit();
        _stack = (nint)NativeMemory.AlignedAlloc(StackSize, 4096);
        int pidfd = -1;
        int pid = _cgroup >= 0 ? CloneInto(cloneFlags, &pidfd) : -1;
        if (pid < 0) pid = LaunchChild.Clone((byte*)_stack + StackSize, cloneFlags, (nint)_shared, &pidfd);
        if (pid < 0) throw new SyscallException("clone", Marshal.GetLastPInvokeError());
        return (pid, new Fd(pidfd));
    }

    // What keeps the child from being born there (an older kernel, a filter of system calls, a limit) is told by the step, which is then taken.
    private int CloneInto(int cloneFlags, int* pidfd)
    {
        var step = _shared->Steps + _cgroupStep;
        var join = *step;
        *step = new LaunchStep { Number = LaunchSyscalls.getpid };
        int pid = LaunchChild.CloneInto(_cgroup, (byte*)_stack, StackSize, cloneFlags, (nint)_shared, pidfd);
        if (pid < 0) *step = join;
        return pid;
    }

    public void Dispose()
    {
        if (_stack != 0) NativeMemory.AlignedFree((void*)_stack);
        _ = munmap((nint)_shared, Size);
        foreach (var fd in _kept) fd.Dispose();
    }
}
