using System.Globalization;
using System.Runtime.InteropServices;
using Wharf.Linux;
using Wharf.Linux.Fds;
using Wharf.Runtime.Seccomp;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>The steps that turn a child into the configured process. The same for a container's init and for an exec.</summary>
internal static unsafe class ProcessSteps
{
    private const int SIG_SETMASK = 2, SIGKILL = 9, SIGSTOP = 19, SIGMAX = 64;
    private const int TIOCSCTTY = 0x540E;
    private const int PR_SET_KEEPCAPS = 8, PR_CAPBSET_DROP = 24, PR_SET_NO_NEW_PRIVS = 38, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_RAISE = 2, PR_CAP_AMBIENT_CLEAR_ALL = 4;
    private const int SECCOMP_SET_MODE_FILTER = 1;

    /// <summary>The runtime ignores or handles some signals; the program must start with all at their default.</summary>
    public static void ResetSignals(LaunchProgram program)
    {
        var action = program.Allocate(32); // struct kernel_sigaction: SIG_DFL, no flags, empty mask
        for (int signal = 1; signal <= SIGMAX; signal++)
            if (signal is not (SIGKILL or SIGSTOP)) program.Add("rt_sigaction", LaunchSyscalls.rt_sigaction, signal, action, 0, 8);
    }

    /// <summary>A session, and a session keyring of its own when it has a name (keyrings(7)), with the process' label.</summary>
    public static void Session(LaunchProgram program, Process process, string? keyring)
    {
        const int KEYCTL_JOIN_SESSION_KEYRING = 1;
        program.Add("setsid", LaunchSyscalls.setsid);
        if (keyring is not null && process.SelinuxLabel is { Length: > 0 } label) WriteAttribute(program, "selinux label of the keyring", "/proc/thread-self/attr/keycreate", label);
        // A kernel without keyrings, or with a user's quota of them used up, runs the program all the same.
        if (keyring is not null) program.Add("join session keyring", LaunchSyscalls.keyctl, KEYCTL_JOIN_SESSION_KEYRING, program.Text("_ses." + keyring), onError: OnError.Ignore);
    }

    /// <summary>Standard streams; the controlling terminal.</summary>
    public static void Streams(LaunchProgram program, int stdin, int stdout, int stderr, bool terminal)
    {
        if (terminal) program.Add("set controlling terminal", LaunchSyscalls.ioctl, stdin, TIOCSCTTY, 0);
        // Sources above 2 (see LaunchIo), so that no dup overwrites one that is still needed.
        program.Add("dup stdin", LaunchSyscalls.dup3, stdin, 0, 0);
        program.Add("dup stdout", LaunchSyscalls.dup3, stdout, 1, 0);
        program.Add("dup stderr", LaunchSyscalls.dup3, stderr, 2, 0);
    }

    /// <summary>What AppArmor or SELinux makes of the program at its execve, told through the host's /proc before the root changes.</summary>
    public static void Label(LaunchProgram program, Process process)
    {
        if (process.ApparmorProfile is { Length: > 0 } profile and not "unconfined") WriteAttribute(program, "apparmor profile", SecurityModules.ApparmorFile, "exec " + profile);
        if (process.SelinuxLabel is { Length: > 0 } label) WriteAttribute(program, "selinux label", "/proc/thread-self/attr/exec", label);
    }

    private static void WriteAttribute(LaunchProgram program, string what, string file, string text)
    {
        int open = program.Add("open " + file, LaunchSyscalls.openat, OpenAt.AT_FDCWD, program.Text(file), O.WRONLY | O.CLOEXEC);
        program.Add("apply " + what, LaunchSyscalls.write, open, program.Text(text), System.Text.Encoding.UTF8.GetByteCount(text), references: 1);
    }

    /// <summary>Joins the container's cgroups: the task itself writes "0" (see CgroupV1.JoinFiles).</summary>
    /// <param name="fromBirth">Nothing of the child's happens outside of them.</param>
    public static void JoinCgroup(LaunchProgram program, IEnumerable<string> files, bool fromBirth = true)
    {
        var zero = program.Text("0");
        foreach (var file in files)
        {
            int step = program.Add("join cgroup " + file, LaunchSyscalls.write, program.Keep(OpenAt.Open(file, O.WRONLY)), zero, 1);
            // v2's file: only whole processes move there, which the kernel waits for.
            if (fromBirth && LaunchChild.CanCloneInto && Path.GetFileName(file) == "cgroup.procs") program.BeBornIn(OpenAt.Open(Path.GetDirectoryName(file)!, O.PATH | O.DIRECTORY), step);
        }
    }

    /// <summary>Written through the host's /proc, before the root changes. Lowering it needs CAP_SYS_RESOURCE, which may be missing: then a warning.</summary>
    public static int? OomScore(LaunchProgram program, int? score)
    {
        if (score is null) return null;
        var text = score.Value.ToString(CultureInfo.InvariantCulture);
        int open = program.Add("open oom_score_adj", LaunchSyscalls.openat, OpenAt.AT_FDCWD, program.Text("/proc/self/oom_score_adj"), O.WRONLY | O.CLOEXEC, onError: OnError.Skip, skip: 1);
        return program.Add("write oom_score_adj", LaunchSyscalls.write, open, program.Text(text), text.Length, references: 1, onError: OnError.Ignore);
    }

    /// <summary>
    /// The last part, inside the container's root: descriptors closed, directory, limits, credentials, seccomp. seccomp is loaded while
    /// CAP_SYS_ADMIN is still held, so that no_new_privs is the user's choice; after it only capset and execve come.
    /// </summary>
    public static void Become(LaunchProgram program, Process process, LinuxSpec? linux, int firstClosed, bool userNamespace, List<string> warnings, out int? seccompStep)
    {
        // Everything but the streams is closed before the working directory is looked up: no descriptor can lead out (CVE-2024-21626).
        if (Defences.Up) program.Add("close descriptors", Linux.Syscalls.SyscallNumber.close_range, firstClosed, unchecked((nint)uint.MaxValue), 0);
        int? entered = EnterDirectory(program, process, userNamespace);
        if (!userNamespace) Limits(program, process, warnings);
        Scheduling(program, process);
        MemoryPolicies.Add(program, linux?.MemoryPolicy);
        if (linux?.Personality is { } personality) program.Add("personality", LaunchSyscalls.personality, PersonalityOf(personality));
        program.Add("umask", LaunchSyscalls.umask, (nint)(process.User.Umask ?? 0b000_010_010));
        Credentials(program, process, userNamespace, linux?.Seccomp is not null || process.User.Uid != 0);
        if (entered is { } first) RetryDirectory(program, process, first);
        if (process.NoNewPrivileges == true) program.Add("no_new_privs", LaunchSyscalls.prctl, PR_SET_NO_NEW_PRIVS, 1);
        seccompStep = linux?.Seccomp is { } seccomp ? LoadFilter(program, seccomp) : null;
        FinalCapabilities(program, process.Capabilities, userNamespace);
    }

    // A directory may be closed to this program and open to the user (a file system of another's, mapped numbers): then he tries himself.
    private static int? EnterDirectory(LaunchProgram program, Process process, bool userNamespace)
    {
        bool other = userNamespace || process.User.Uid != 0;
        int step = program.Add(CwdStep(process), LaunchSyscalls.chdir, program.Text(process.Cwd), onError: other ? OnError.Ignore : OnError.Fail);
        return other ? step : null;
    }

    // The first step's result is 0 where it went well, which is an open descriptor, and negative where it did not, which is none.
    private static void RetryDirectory(LaunchProgram program, Process process, int first)
    {
        const int F_GETFD = 1;
        program.Add("look whether the directory was entered", LaunchSyscalls.fcntl, first, F_GETFD, references: 1, onError: OnError.SkipUnlessFails, skip: 1);
        program.Add(CwdStep(process), LaunchSyscalls.chdir, program.Text(process.Cwd));
    }

    private static string CwdStep(Process process) => $"chdir to cwd (\"{process.Cwd}\")";

    /// <summary>The very last steps. With a root the environment is completed from what is in it.</summary>
    public static void Execute(LaunchProgram program, Process process, string path, Fd? root = null)
    {
        var mask = program.Allocate(8);
        program.Add("unblock signals", LaunchSyscalls.rt_sigprocmask, SIG_SETMASK, mask, 0, 8);
        program.Add("exec", LaunchSyscalls.execve, program.Text(path), program.Texts(process.Args), program.Texts(root is null ? process.Env ?? [] : ProcessEnvironment.Of(process, root)));
    }

    public static void Limits(LaunchProgram program, Process process, List<string> warnings)
    {
        foreach (var limit in process.Rlimits ?? [])
        {
            var (resource, allowed) = Rlimits.Allowed(limit, warnings);
            program.Add("set " + limit.Type, LaunchSyscalls.prlimit64, 0, resource, program.Value(allowed), 0);
        }
    }

    /// <summary>Which CPUs the process may run on, as a list: <c>0-3,7</c>.</summary>
    public static void Affinity(LaunchProgram program, string cpus, string name)
    {
        const int Size = 1024; // 8192 CPUs, the kernel's most
        var mask = (byte*)program.Allocate(Size);
        foreach (var cpu in Priorities.CpuList(cpus, Size * 8)) mask[cpu / 8] |= (byte)(1 << cpu % 8);
        program.Add("set " + name, LaunchSyscalls.sched_setaffinity, 0, Size, (nint)mask);
    }

    private static void Scheduling(LaunchProgram program, Process process)
    {
        if (process.IoPriority is { } io) program.Add("io priority", LaunchSyscalls.ioprio_set, 1, 0, Priorities.IoPriorityOf(io));
        if (process.Scheduler is { } scheduler) program.Add("scheduler", LaunchSyscalls.sched_setattr, 0, program.Value(Priorities.SchedulerOf(scheduler)), 0);
    }

    private static void Credentials(LaunchProgram program, Process process, bool userNamespace, bool restore)
    {
        // A new user namespace begins with all there are.
        ulong bounding = CapabilitySets.Mask(process.Capabilities?.Bounding), own = userNamespace ? CapabilitySets.All() : CapabilitySets.OwnBounding();
        for (int bit = 0; bit < 64; bit++)
        {
            if ((bounding >> bit & 1) == 0 && (own >> bit & 1) != 0) program.Add("drop bounding capability", LaunchSyscalls.prctl, PR_CAPBSET_DROP, bit);
        }
        var user = process.User;
        if (user.Uid == uint.MaxValue || user.Gid == uint.MaxValue || user.AdditionalGids?.Contains(uint.MaxValue) == true)
            throw WharfException.Invalid("process.user: the number 4294967295 is no user or group"); // to setresuid it means: stay who you are
        var groups = user.AdditionalGids ?? [];
        var list = (uint*)program.Allocate(Math.Max(4, groups.Count * 4));
        for (int i = 0; i < groups.Count; i++) list[i] = groups[i];
        if (groups.Count > 0 && !Rootless.MaySetGroups) throw WharfException.Invalid("setgroups is disabled, unable to set supplementary groups in rootless containers");
        if (Defences.Up && Rootless.MaySetGroups) program.Add("setgroups", LaunchSyscalls.setgroups, groups.Count, (nint)list);
        program.Add("setresgid", LaunchSyscalls.setresgid, (nint)user.Gid, (nint)user.Gid, (nint)user.Gid);
        program.Add("keep capabilities", LaunchSyscalls.prctl, PR_SET_KEEPCAPS, 1);
        program.Add("setresuid", LaunchSyscalls.setresuid, (nint)user.Uid, (nint)user.Uid, (nint)user.Uid);
        // Leaving uid 0 cleared the effective set; it is needed once more, for seccomp.
        if (restore) Capset(program, own, own, 0);
    }

    private static void FinalCapabilities(LaunchProgram program, Capabilities? capabilities, bool userNamespace)
    {
        ulong own = userNamespace ? CapabilitySets.All() : CapabilitySets.OwnBounding();
        ulong permitted = CapabilitySets.Mask(capabilities?.Permitted) & own, effective = CapabilitySets.Mask(capabilities?.Effective) & permitted;
        ulong inheritable = CapabilitySets.Mask(capabilities?.Inheritable) & own, ambient = CapabilitySets.Mask(capabilities?.Ambient) & permitted & inheritable;
        if (!Defences.Up) inheritable = ambient = permitted;
        Capset(program, permitted, effective, inheritable);
        program.Add("clear ambient capabilities", LaunchSyscalls.prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
        for (int bit = 0; bit < 64; bit++)
            if ((ambient >> bit & 1) != 0) program.Add("raise ambient capability", LaunchSyscalls.prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit);
    }

    private static void Capset(LaunchProgram program, ulong permitted, ulong effective, ulong inheritable)
    {
        const uint _LINUX_CAPABILITY_VERSION_3 = 0x20080522;
        var header = program.Value((_LINUX_CAPABILITY_VERSION_3, 0));
        var data = (uint*)program.Allocate(24);
        for (int half = 0; half < 2; half++)
        {
            data[half * 3] = (uint)(effective >> half * 32);
            data[half * 3 + 1] = (uint)(permitted >> half * 32);
            data[half * 3 + 2] = (uint)(inheritable >> half * 32);
        }
        program.Add("capset", LaunchSyscalls.capset, header, (nint)data);
    }

    private static int LoadFilter(LaunchProgram program, LinuxSeccomp seccomp)
    {
        var filter = SeccompFilter.Of(seccomp);
        var code = program.Allocate(filter.Length);
        filter.CopyTo(new Span<byte>((void*)code, filter.Length));
        var fprog = (byte*)program.Allocate(16); // struct sock_fprog: unsigned short len; struct sock_filter *filter
        *(ushort*)fprog = (ushort)(filter.Length / 8);
        *(nint*)(fprog + 8) = code;
        return program.Add("load seccomp filter", LaunchSyscalls.seccomp, SECCOMP_SET_MODE_FILTER, (nint)SeccompFilter.FlagsOf(seccomp), (nint)fprog);
    }

    private static nint PersonalityOf(LinuxPersonality personality) => personality.Domain switch
    {
        "LINUX" => 0,
        "LINUX32" => 8, // PER_LINUX32
        _ => throw WharfException.Invalid($"unknown personality domain \"{personality.Domain}\""),
    };
}
