using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

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

    [LibraryImport("libc", EntryPoint = "syscall"), SuppressGCTransition]
    private static partial nint syscall(nint number, nint a0, nint a1, nint a2, nint a3, nint a4, nint a5);

    /// <summary>Where the calling thread's errno lies; the child uses the same place while the parent waits for it.</summary>
    public static int* ErrnoLocation() => errno_location();

    public static int Clone(byte* stackTop, int flags, nint argument, int* pidfd)
    {
        // The stub's address is bound now, in the parent: binding it in the child would run the dynamic loader there.
        _ = syscall(LaunchSyscalls.getpid, 0, 0, 0, 0, 0, 0);
        delegate*<nint, int> entry = &RunChild;
        if (RuntimeFeature.IsDynamicCodeCompiled) CompileNow(entry);
        return clone((void*)entry, stackTop, flags, argument, pidfd);
    }

    // A build that is not NativeAOT, as developers run it, compiles a method when it is first called; in the child that would be too late.
    private static void CompileNow(delegate*<nint, int> entry)
    {
        nint result = 0;
        int errno = 0;
        var step = new LaunchStep { Number = LaunchSyscalls.getpid };
        var shared = new LaunchShared { Steps = &step, Results = &result, Errno = &errno, Count = 1, ExitNumber = LaunchSyscalls.getpid };
        _ = entry((nint)(&shared));
    }

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
            if (result != -1 && (result != 0 || step->OnError != OnError.FailOrZero))
            {
                shared->Results[i] = result;
                continue;
            }
            int errno = result == 0 ? EPIPE : *shared->Errno;
            shared->Results[i] = -errno;
            if (step->OnError is OnError.Fail or OnError.FailOrZero)
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
