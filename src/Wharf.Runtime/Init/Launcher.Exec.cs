using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>Running one more process in a container.</summary>
public sealed partial class Launcher
{
    /// <summary>Joins the container's namespaces and cgroups and runs the process; throws as <see cref="Launch"/> does.</summary>
    public Launched Exec(ExecLaunch request) => OnOwnThread(() => ExecHere(request));

    private static Launched ExecHere(ExecLaunch request)
    {
        var warnings = new List<string>();
        using var root = OpenAt.Open($"/proc/{request.InitPid}/root", O.PATH | O.DIRECTORY);
        // The PID may have been used anew since: the pidfd says whether the root is still that of the container's own init.
        SyscallException.Check(Libc.syscall(SyscallNumber.pidfd_send_signal, request.InitPidFd.Value, 0), "pidfd_send_signal");
        Fd? master = null, slave = null;
        try
        {
            if (request.Process.Terminal == true) (master, slave) = Terminal.Open(root, request.Process.User, request.Process.ConsoleSize);
            using var program = new LaunchProgram();
            var path = ProgramPath.Find(root, request.Process);
            ProcessSteps.ResetSignals(program);
            ProcessSteps.JoinCgroup(program, request.Cgroup.JoinFiles);
            int terminal = slave is null ? -1 : slave.Value;
            ProcessSteps.Streams(program, slave is null ? request.Stdin : terminal, slave is null ? request.Stdout : terminal, slave is null ? request.Stderr : terminal, slave is not null);
            int? oomStep = ProcessSteps.OomScore(program, request.Process.OomScoreAdj);
            program.Add("join namespaces", LaunchSyscalls.setns, request.InitPidFd.Value, JoinFlags(request.Linux) | CLONE_NEWNS);
            ProcessSteps.Become(program, request.Process, request.Linux, path, warnings);

            // Only children of this thread enter the PID namespace; the thread itself ends with the launch.
            if (Joins(request.Linux, "pid")) SyscallException.Check(Libc.setns(request.InitPidFd.Value, CLONE_NEWPID), "setns pid");
            var outcome = RunProgram(program, 0, request.Process.Args[0]);
            if (oomStep is { } step && outcome.Results[step] < 0) warnings.Add($"oom_score_adj {request.Process.OomScoreAdj}: the host does not allow it");
            return new Launched(outcome.Pid, outcome.PidFd, DateTimeOffset.UtcNow, master, request.Cgroup, warnings);
        }
        catch
        {
            master?.Dispose();
            throw;
        }
        finally
        {
            slave?.Dispose();
        }
    }

    private static bool Joins(LinuxSpec? linux, string type) => linux?.Namespaces?.Any(ns => ns.Type == type) == true;

    private static int JoinFlags(LinuxSpec? linux) =>
        (Joins(linux, "uts") ? CLONE_NEWUTS : 0) | (Joins(linux, "ipc") ? CLONE_NEWIPC : 0) | (Joins(linux, "network") ? CLONE_NEWNET : 0) | (Joins(linux, "cgroup") ? CLONE_NEWCGROUP : 0);
}
