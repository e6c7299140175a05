using System.Runtime.InteropServices;

namespace Wharf.Linux.Syscalls;

/// <summary>Numbers of system calls that the C library of the oldest supported system does not wrap, for the running architecture.</summary>
public static class SyscallNumber
{
    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    // From 424 on the numbers are common to all architectures.
    public static int exit_group => Arm64 ? 94 : 231;
    public const int pidfd_send_signal = 424, open_tree = 428, move_mount = 429, fsopen = 430, fsconfig = 431, fsmount = 432, fspick = 433,
        pidfd_open = 434, clone3 = 435, close_range = 436, openat2 = 437, pidfd_getfd = 438, mount_setattr = 442, quotactl_fd = 443;

    public static int pivot_root => Arm64 ? 41 : 155;
    public static int statx => Arm64 ? 291 : 332;
    public static int seccomp => Arm64 ? 277 : 317;
    public static int execveat => Arm64 ? 281 : 322;
    public static int memfd_create => Arm64 ? 279 : 319;
}
