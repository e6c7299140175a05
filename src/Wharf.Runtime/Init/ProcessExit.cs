using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Runtime.Init;

/// <summary>The end of a child process.</summary>
public static unsafe partial class ProcessExit
{
    private const int P_PIDFD = 3, WNOHANG = 1, WEXITED = 4, CLD_EXITED = 1;

    /// <summary>siginfo_t as waitid fills it for SIGCHLD on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct ChildInfo
    {
        [FieldOffset(0)] public int Signal;
        [FieldOffset(8)] public int Code;
        [FieldOffset(16)] public int Pid;
        [FieldOffset(24)] public int Status;
    }

    [LibraryImport("libc", SetLastError = true)] private static partial int waitid(int type, int id, ChildInfo* info, int options);

    /// <summary>Waits for a child's end, reaps it, and gives its exit code: 0 to 255, or 128 and the signal's number.</summary>
    public static int Wait(Fd pidfd) => TryReap(pidfd, WEXITED)!.Value;

    /// <summary>As <see cref="Wait"/>; null when it still runs.</summary>
    public static int? TryReap(Fd pidfd) => TryReap(pidfd, WEXITED | WNOHANG);

    private static int? TryReap(Fd pidfd, int options)
    {
        ChildInfo info = default;
        while (waitid(P_PIDFD, pidfd.Value, &info, options) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR) throw new SyscallException("waitid", errno);
        }
        if (info.Pid == 0) return null;
        return info.Code == CLD_EXITED ? info.Status & 0xFF : 128 + info.Status;
    }
}
