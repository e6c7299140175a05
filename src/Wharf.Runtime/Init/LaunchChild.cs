using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>
/// The child's side. Nothing here may allocate, throw, or call into a library beyond the one system call stub. The entry is a plain
/// managed method and not an UnmanagedCallersOnly one: entering the .NET runtime would touch the state of the parent's thread, whose
/// thread-local storage the child uses.
/// </summary>
internal static unsafe partial class LaunchChild
{
    private const int EPIPE = 32;

    [LibraryImport("libc", EntryPoint = "__errno_location")] private static partial int* errno_location();

    [LibraryImport("libc", EntryPoint = "clone", SetLastError = true)]
    private static partial int clone(void* entry, byte* stack, int flags, nint argument, int* pidfd);

    // libc's syscall(3), called as if it were managed code, whose convention is C's for integers. A P/Invoke will not do even with
    // SuppressGCTransition: the compiler lets each be followed by a look whether a collection wants this thread to stop, and the child
    // would stop there, in the name of its parent's thread.
    private static readonly delegate*<nint, nint, nint, nint, nint, nint, nint, nint> Syscall =
        (delegate*<nint, nint, nint, nint, nint, nint, nint, nint>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "syscall");

    /// <summary>Where the calling thread's errno lies; the child uses the same place while the parent waits for it.</summary>
    public static int* ErrnoLocation() => errno_location();

    public static int Clone(byte* stackTop, int flags, nint argument, int* pidfd) => clone(Entry(argument), stackTop, flags, argument, pidfd);

    private const ulong CLONE_INTO_CGROUP = 0x200000000, ExitSignals = 0xff;

    /// <summary>
    /// Kernels before 6.4 did not give a child the processors of the cgroup it was born in. Elsewhere than on x86-64 libc's system call stub returns to
    /// an address it has in a register, and not to one on the child's stack.
    /// </summary>
    public static bool CanCloneInto { get; } = RuntimeInformation.ProcessArchitecture == Architecture.X64 && Environment.OSVersion.Version >= new Version(6, 4);

    /// <summary>
    /// Clones a child that is born in a cgroup of version 2, which is spared the wait (8 to 16 ms) that moving there costs. libc has no clone3: its system call stub
    /// is called, whose return in the child takes the entry's address from the new stack, with the call's first argument where a function has its own.
    /// </summary>
    public static int CloneInto(int cgroup, byte* stack, int size, int flags, nint argument, int* pidfd)
    {
        int used = size - 16;
        *(void**)(stack + used) = Entry(argument);
        var clone = (CloneArguments*)argument;
        *clone = new CloneArguments
        {
            Flags = ((uint)flags & ~ExitSignals) | CLONE_INTO_CGROUP, ExitSignal = (uint)flags & ExitSignals, PidFd = (ulong)pidfd, Stack = (ulong)stack, StackSize = (ulong)used, Cgroup = (ulong)cgroup,
        };
        return (int)Libc.syscall(SyscallNumber.clone3, (nint)clone, sizeof(CloneArguments));
    }

    private static void* Entry(nint argument)
    {
        ((LaunchShared*)argument)->Syscall = Syscall; // looked up here, in the parent: the child must not run the dynamic loader
        delegate*<nint, int> entry = &RunChild;
        if (RuntimeFeature.IsDynamicCodeCompiled) CompileNow(entry);
        return entry;
    }

    // A build that is not NativeAOT, as developers run it, compiles a method when it is first called; in the child that would be too late.
    private static void CompileNow(delegate*<nint, int> entry)
    {
        nint result = 0;
        int errno = 0;
        var step = new LaunchStep { Number = LaunchSyscalls.getpid };
        var shared = new LaunchShared { Steps = &step, Results = &result, Errno = &errno, Count = 1, ExitNumber = LaunchSyscalls.getpid, Syscall = Syscall };
        _ = entry((nint)(&shared));
    }

    private static int RunChild(nint argument)
    {
        var shared = (LaunchShared*)argument;
        for (int i = 0; i < shared->Count; i++)
        {
            var step = shared->Steps + i;
            byte refs = step->References;
            nint result = shared->Syscall(step->Number,
                (refs & 1) != 0 ? shared->Results[step->A0] : step->A0,
                (refs & 2) != 0 ? shared->Results[step->A1] : step->A1,
                (refs & 4) != 0 ? shared->Results[step->A2] : step->A2,
                (refs & 8) != 0 ? shared->Results[step->A3] : step->A3,
                (refs & 16) != 0 ? shared->Results[step->A4] : step->A4,
                (refs & 32) != 0 ? shared->Results[step->A5] : step->A5);
            if (result != -1 && (result != 0 || step->OnError != OnError.FailOrZero))
            {
                if (result == 0 && step->OnError == OnError.GoOnAsChild) continue;
                shared->Results[i] = result;
                if (step->OnError == OnError.GoOnAsChild) break;
                if (step->OnError == OnError.SkipUnlessFails) i += step->Skip;
                continue;
            }
            int errno = result == 0 ? EPIPE : *shared->Errno;
            shared->Results[i] = -errno;
            if (step->OnError is OnError.Fail or OnError.FailOrZero or OnError.GoOnAsChild)
            {
                shared->FailedErrno = errno;
                shared->FailedStep = i;
                break;
            }
            if (step->OnError == OnError.Skip) i += step->Skip;
        }
        shared->Syscall(shared->ExitNumber, 127, 0, 0, 0, 0, 0);
        return 127;
    }
}
