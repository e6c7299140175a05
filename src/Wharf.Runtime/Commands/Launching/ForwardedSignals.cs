using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>
/// The signals that a runtime in the foreground hands on. They are blocked in all its threads from before the .NET runtime begins (see
/// <see cref="Init.EarlyMain"/>) and read from a descriptor: none gets lost while a container is being made, and no handler and no thread is needed for them.
/// </summary>
internal static unsafe partial class ForwardedSignals
{
    private const int SIG_BLOCK = 0, SIG_UNBLOCK = 1, SFD_CLOEXEC = 0x80000, SigsetSize = 128, InfoSize = 128;

    public const int SIGWINCH = 28;

    // All but faults (ILL TRAP ABRT BUS FPE SEGV SYS), KILL and STOP, those of a parent's and a writer's own (CHLD, PIPE), URG, and what the C library and .NET use (32 to 34).
    private const ulong Mask = ~(1ul << 3 | 1ul << 4 | 1ul << 5 | 1ul << 6 | 1ul << 7 | 1ul << 8 | 1ul << 10 | 1ul << 12 | 1ul << 16 | 1ul << 18 | 1ul << 22 | 1ul << 30 | 1ul << 31 | 1ul << 32 | 1ul << 33);

    [LibraryImport("libc", SetLastError = true)] private static partial int signalfd(int fd, byte* mask, int flags);
    [LibraryImport("libc")] private static partial int pthread_sigmask(int how, byte* set, byte* former);

    /// <summary>Fills a sigset_t of the C library, which must be all zeros.</summary>
    public static void Fill(byte* set) => *(ulong*)set = Mask;

    /// <summary>A descriptor that is readable when one of them has come.</summary>
    public static Fd Open()
    {
        var set = stackalloc byte[SigsetSize];
        new Span<byte>(set, SigsetSize).Clear();
        Fill(set);
        _ = pthread_sigmask(SIG_BLOCK, set, null);
        return new Fd(SyscallException.Check(signalfd(-1, set, SFD_CLOEXEC), "signalfd"));
    }

    /// <summary>The next one, which there must be.</summary>
    public static int Read(Fd signals)
    {
        var info = stackalloc byte[InfoSize]; // struct signalfd_siginfo: the number comes first
        SyscallException.Check(Libc.read(signals.Value, info, InfoSize), "read", "signalfd");
        return *(int*)info;
    }

    /// <summary>For who goes on without a container to hand them on to: they do what they do to any program.</summary>
    public static void LetThrough()
    {
        var set = stackalloc byte[SigsetSize];
        new Span<byte>(set, SigsetSize).Clear();
        Fill(set);
        _ = pthread_sigmask(SIG_UNBLOCK, set, null);
    }
}
