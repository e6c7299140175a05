using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>What the child does when a system call of its program fails.</summary>
internal enum OnError : byte
{
    /// <summary>Report the step and end.</summary>
    Fail,
    /// <summary>Go on; the parent finds the error in the result.</summary>
    Ignore,
    /// <summary>Leave out the next <see cref="LaunchStep.Skip"/> steps.</summary>
    Skip,
}

/// <summary>One system call with its arguments already in native memory.</summary>
internal struct LaunchStep
{
    public nint Number, A0, A1, A2, A3, A4, A5;
    /// <summary>Bit n: argument n is the index of an earlier step whose result is meant.</summary>
    public byte References;
    public OnError OnError;
    public byte Skip;
}

/// <summary>The memory that parent and child share. Results are negative error numbers where a call failed.</summary>
internal unsafe struct LaunchShared
{
    public LaunchStep* Steps;
    public nint* Results;
    public int* Errno;
    public int Count;
    public int FailedStep;
    public int FailedErrno;
    public int ExitNumber;
}

/// <summary>
/// The flat table of system calls that a freshly cloned child runs up to its execve (DESIGN.md "Launching"). Built in ordinary C#
/// by the parent, owns all native memory of its arguments, and is freed after the child has executed its program or failed.
/// </summary>
internal sealed unsafe class LaunchProgram : IDisposable
{
    private readonly List<LaunchStep> _steps = [];
    private readonly List<string> _names = [];
    private readonly List<nint> _memory = [];
    private readonly List<Fd> _kept = [];

    /// <summary>How many steps there are; also the index the next one will have.</summary>
    public int Count => _steps.Count;

    /// <summary>The name of a step, for messages: <c>mount /proc</c>.</summary>
    public string NameOf(int step) => step >= 0 && step < _names.Count ? _names[step] : "clone";

    /// <summary>Adds a system call; returns its index, which later steps can refer to.</summary>
    public int Add(string name, int number, nint a0 = 0, nint a1 = 0, nint a2 = 0, nint a3 = 0, nint a4 = 0, nint a5 = 0, byte references = 0, OnError onError = OnError.Fail, byte skip = 0)
    {
        _steps.Add(new LaunchStep { Number = number, A0 = a0, A1 = a1, A2 = a2, A3 = a3, A4 = a4, A5 = a5, References = references, OnError = onError, Skip = skip });
        _names.Add(name);
        return _steps.Count - 1;
    }

    /// <summary>Native memory that lives as long as the program.</summary>
    public nint Allocate(int size)
    {
        var memory = (nint)NativeMemory.AllocZeroed((nuint)size);
        _memory.Add(memory);
        return memory;
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

    /// <summary>Clones the child and waits (vfork) until it has executed its program or failed.</summary>
    public LaunchOutcome Run(int cloneFlags)
    {
        const int StackSize = 64 << 10;
        var shared = (LaunchShared*)Allocate(sizeof(LaunchShared));
        var steps = (LaunchStep*)Allocate(_steps.Count * sizeof(LaunchStep));
        for (int i = 0; i < _steps.Count; i++) steps[i] = _steps[i];
        *shared = new LaunchShared
        {
            Steps = steps, Count = _steps.Count, Results = (nint*)Allocate(_steps.Count * sizeof(nint)), Errno = LaunchChild.ErrnoLocation(),
            FailedStep = -1, ExitNumber = LaunchSyscalls.exit_group,
        };
        var stack = (byte*)NativeMemory.AlignedAlloc(StackSize, 4096);
        _memoryAligned = (nint)stack;
        int pidfd = -1;
        int pid = LaunchChild.Clone(stack + StackSize, cloneFlags, (nint)shared, &pidfd);
        if (pid < 0) throw new SyscallException("clone", Marshal.GetLastPInvokeError());
        var results = new nint[_steps.Count];
        new ReadOnlySpan<nint>(shared->Results, results.Length).CopyTo(results);
        return new LaunchOutcome(pid, new Fd(pidfd), shared->FailedStep, shared->FailedErrno, results);
    }

    private nint _memoryAligned;

    public void Dispose()
    {
        foreach (var memory in _memory) NativeMemory.Free((void*)memory);
        if (_memoryAligned != 0) NativeMemory.AlignedFree((void*)_memoryAligned);
        foreach (var fd in _kept) fd.Dispose();
    }
}

/// <summary>How a launch ended. <see cref="FailedStep"/> is −1 when the program was executed; otherwise the child has ended.</summary>
internal sealed record LaunchOutcome(int Pid, Fd PidFd, int FailedStep, int Errno, nint[] Results);

/// <summary>The child's side. Nothing here may allocate, throw, or call into a library beyond the one system call stub.</summary>
internal static unsafe partial class LaunchChild
{
    [LibraryImport("libc", EntryPoint = "__errno_location")] private static partial int* errno_location();

    [LibraryImport("libc", EntryPoint = "clone", SetLastError = true)]
    private static partial int clone(delegate* unmanaged[Cdecl]<nint, int> entry, byte* stack, int flags, nint argument, int* pidfd);

    [LibraryImport("libc", EntryPoint = "syscall"), SuppressGCTransition]
    private static partial nint syscall(nint number, nint a0, nint a1, nint a2, nint a3, nint a4, nint a5);

    /// <summary>Where the calling thread's errno lies; the child shares it while the parent is suspended.</summary>
    public static int* ErrnoLocation() => errno_location();

    public static int Clone(byte* stackTop, int flags, nint argument, int* pidfd)
    {
        // The stub's address is bound now, in the parent: binding it in the child would run the dynamic loader there.
        _ = syscall(LaunchSyscalls.getpid, 0, 0, 0, 0, 0, 0);
        return clone(&RunChild, stackTop, flags, argument, pidfd);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int RunChild(nint argument)
    {
        var shared = (LaunchShared*)argument;
        for (int i = 0; i < shared->Count; i++)
        {
            var step = shared->Steps + i;
            byte refs = step->References;
            nint result = syscall(step->Number,
                (refs & 1) != 0 ? shared->Results[step->A0] : step->A0,
                (refs & 2) != 0 ? shared->Results[step->A1] : step->A1,
                (refs & 4) != 0 ? shared->Results[step->A2] : step->A2,
                (refs & 8) != 0 ? shared->Results[step->A3] : step->A3,
                (refs & 16) != 0 ? shared->Results[step->A4] : step->A4,
                (refs & 32) != 0 ? shared->Results[step->A5] : step->A5);
            if (result != -1)
            {
                shared->Results[i] = result;
                continue;
            }
            int errno = *shared->Errno;
            shared->Results[i] = -errno;
            if (step->OnError == OnError.Fail)
            {
                shared->FailedErrno = errno;
                shared->FailedStep = i;
                break;
            }
            if (step->OnError == OnError.Skip) i += step->Skip;
        }
        syscall(shared->ExitNumber, 127, 0, 0, 0, 0, 0);
        return 127;
    }
}
