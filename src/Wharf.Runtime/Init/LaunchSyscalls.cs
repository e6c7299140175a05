using System.Runtime.InteropServices;

namespace Wharf.Runtime.Init;

/// <summary>Numbers of the system calls that launch programs use, for the running architecture (asm/unistd.h).</summary>
internal static class LaunchSyscalls
{
    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static int read => Arm64 ? 63 : 0;
    public static int close => Arm64 ? 57 : 3;
    public static int fcntl => Arm64 ? 25 : 72;
    public static int keyctl => Arm64 ? 219 : 250;
    public static int chroot => Arm64 ? 51 : 161;
    public static int sethostname => Arm64 ? 161 : 170;
    public static int write => Arm64 ? 64 : 1;
    public static int rt_sigaction => Arm64 ? 134 : 13;
    public static int rt_sigprocmask => Arm64 ? 135 : 14;
    public static int ioctl => Arm64 ? 29 : 16;
    public static int gettid => Arm64 ? 178 : 186;
    public static int clone => Arm64 ? 220 : 56;
    public static int getpid => Arm64 ? 172 : 39;
    public static int execve => Arm64 ? 221 : 59;
    public static int fchdir => Arm64 ? 50 : 81;
    public static int chdir => Arm64 ? 49 : 80;
    public static int setsid => Arm64 ? 157 : 112;
    public static int setgroups => Arm64 ? 159 : 116;
    public static int setresuid => Arm64 ? 147 : 117;
    public static int setresgid => Arm64 ? 149 : 119;
    public static int capset => Arm64 ? 91 : 126;
    public static int prctl => Arm64 ? 167 : 157;
    public static int umask => Arm64 ? 166 : 95;
    public static int mount => Arm64 ? 40 : 165;
    public static int umount2 => Arm64 ? 39 : 166;
    public static int exit_group => Arm64 ? 94 : 231;
    public static int openat => Arm64 ? 56 : 257;
    public static int unshare => Arm64 ? 97 : 272;
    public static int dup3 => Arm64 ? 24 : 292;
    public static int ppoll => Arm64 ? 73 : 271;
    public static int prlimit64 => Arm64 ? 261 : 302;
    public static int setns => Arm64 ? 268 : 308;
    public static int seccomp => Arm64 ? 277 : 317;
    public static int personality => Arm64 ? 92 : 135;
    public static int setpriority => Arm64 ? 140 : 141;
    public static int ioprio_set => Arm64 ? 30 : 251;
    public static int sched_setattr => Arm64 ? 274 : 314;
    public static int set_mempolicy => Arm64 ? 237 : 238;
    public static int sched_setaffinity => Arm64 ? 122 : 203;
}
