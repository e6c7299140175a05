using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Specs.Errors;

namespace Wharf.Runtime.Init;

/// <summary>
/// Launches containers and execs. Each launch runs on a thread of its own that ends with it: namespaces, root and signal mask belong
/// to a thread, and after joining a PID namespace a thread cannot start others. (But see <see cref="LaunchRequest.OnCallersThread"/>.)
/// </summary>
public sealed partial class Launcher(CgroupLayout layout, string mountPoint)
{
    private const int StackSize = 512 << 10;

    /// <summary>The machine's cgroups as found at start.</summary>
    public CgroupLayout Layout { get; } = layout;

    /// <summary>An empty directory on which each launch mounts its root, in its own mount namespace.</summary>
    public string MountPoint { get; } = mountPoint;

    /// <summary>Runs <paramref name="body"/> on a new thread and gives its result or throws its exception here.</summary>
    internal static T OnOwnThread<T>(Func<T> body)
    {
        T? result = default;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try { result = body(); }
            catch (Exception error) { failure = error; }
        }, StackSize) { IsBackground = true };
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw AsLaunchException(failure);
    }

    private static LaunchException AsLaunchException(Exception error) => error switch
    {
        LaunchException launch => launch,
        SyscallException call => new LaunchException(call.Message, call.Call, call.Errno, 125, call),
        CgroupException limit => new LaunchException(limit.Message, "cgroup", limit.Errno, 125, limit),
        WharfException wharf => new LaunchException(wharf.Message, "configuration", 0, 125, wharf),
        _ => new LaunchException(error.Message, "launch", 0, 125, error),
    };

    /// <summary>Runs a program's child to its execve while this thread is suspended, and turns a failed step into an exception with docker's exit code.</summary>
    internal static (int Pid, Fd PidFd) RunProgram(LaunchProgram program, int cloneFlags, string command)
    {
        using (new SignalsBlocked())
        {
            var (pid, pidfd) = program.Clone(cloneFlags | CLONE_VFORK | CLONE_PIDFD | SIGCHLD);
            if (program.FailedStep < 0) return (pid, pidfd);
            Reap(pidfd);
            pidfd.Dispose();
            throw Failure(program, command);
        }
    }

    internal static LaunchException Failure(LaunchProgram program, string command)
    {
        var step = program.NameOf(program.FailedStep);
        if (step == "exec") return ExecErrors.OfExecve(command, program.FailedErrno);
        var words = Marshal.GetPInvokeErrorMessage(program.FailedErrno).ToLowerInvariant();
        if (step.StartsWith("chdir to cwd", StringComparison.Ordinal)) words = "set in config.json failed: " + words;
        else words = ": " + words;
        return new LaunchException(step + (words[0] == ':' ? "" : " ") + words, step, program.FailedErrno, ExitCodeOf(step, program.FailedErrno));
    }

    // A working directory that is not there or closed to the user is docker's 127 and 126 too (runc reports it as a start error).
    private static int ExitCodeOf(string step, int errno) => !step.StartsWith("chdir", StringComparison.Ordinal) ? 125 : errno == Errno.ENOENT ? 127 : 126;

    internal static unsafe void Reap(Fd pidfd)
    {
        var info = stackalloc byte[128];
        while (waitid(P_PIDFD, pidfd.Value, info, WEXITED) < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR) { }
    }

    private const int CLONE_VFORK = 0x4000, P_PIDFD = 3, WEXITED = 4;
    internal const int CLONE_VM = 0x100, CLONE_FILES = 0x400, CLONE_PIDFD = 0x1000, SIGCHLD = 17, CLONE_FS = 0x200, CLONE_NEWNS = 0x20000, CLONE_NEWCGROUP = 0x2000000, CLONE_NEWUTS = 0x4000000, CLONE_NEWIPC = 0x8000000,
        CLONE_NEWUSER = 0x10000000, CLONE_NEWPID = 0x20000000, CLONE_NEWNET = 0x40000000, CLONE_NEWTIME = 0x80;

    [LibraryImport("libc", SetLastError = true)] private static unsafe partial int waitid(int type, int id, byte* info, int options);

    internal static SignalsBlocked BlockSignals() => new();

    /// <summary>Blocks all signals on this thread: the child inherits the mask and must not run the runtime's handlers.</summary>
    internal readonly unsafe ref struct SignalsBlocked
    {
        private readonly ulong _former;

        public SignalsBlocked()
        {
            ulong all = ulong.MaxValue, former;
            _ = pthread_sigmask(2, &all, &former);
            _former = former;
        }

        public void Dispose()
        {
            ulong former = _former;
            _ = pthread_sigmask(2, &former, null);
        }
    }

    // The kernel's mask is 8 bytes; glibc's sigset_t is longer but only its first 8 bytes are read and written on 64-bit Linux.
    [LibraryImport("libc")] private static unsafe partial int pthread_sigmask(int how, ulong* set, ulong* former);
}
