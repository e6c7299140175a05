using System.Globalization;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Seccomp;
using Wharf.Specs.Errors;
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
        var process = request.Process;
        var maps = IdMaps.Of(request.Linux);
        Fd? master = null, slave = null;
        try
        {
            if (process.Terminal == true) (master, slave) = Terminal.Open(root, maps.Uid(process.User.Uid), process.ConsoleSize);
            using var program = new LaunchProgram();
            var path = ProgramPath.Find(root, process);
            bool listens = request.Linux?.Seccomp?.ListenerPath is { Length: > 0 };
            using var stages = listens ? new LaunchStages(program) : null;
            stages?.AddBegin(sharesDescriptors: false);
            int? oomStep = AddExecSteps(program, request, root, slave, maps, stages, warnings, out int? seccompStep);
            ProcessSteps.Execute(program, process, path, root);

            // Only children of this thread enter the PID namespace; the thread itself ends with the launch.
            if (Joins(request.Linux, "pid")) SyscallException.Check(Libc.setns(request.InitPidFd.Value, CLONE_NEWPID), "setns pid");
            var (pid, pidfd) = stages is null ? RunProgram(program, SharedMemory(request), process.Args[0]) : RunListened(program, stages, request, seccompStep!.Value);
            if (oomStep is { } step && program.ResultOf(step) < 0) warnings.Add($"oom_score_adj {process.OomScoreAdj}: the host does not allow it");
            var launched = new Launched(pid, pidfd, DateTimeOffset.UtcNow, master, request.Cgroup, warnings);
            master = null;
            return launched;
        }
        finally
        {
            slave?.Dispose();
            master?.Dispose();
        }
    }

    private static int? AddExecSteps(LaunchProgram program, ExecLaunch request, Fd root, Fd? slave, IdMaps maps, LaunchStages? stages, List<string> warnings, out int? seccompStep)
    {
        var process = request.Process;
        ProcessSteps.ResetSignals(program);
        if (process.ExecCPUAffinity?.Initial is { Length: > 0 } initial) ProcessSteps.Affinity(program, initial, "execCPUAffinity.initial");
        ProcessSteps.JoinCgroup(program, request.JoinFiles ?? request.Cgroup.JoinFilesOfExec(request.InitPid), fromBirth: process.ExecCPUAffinity?.Initial is not { Length: > 0 });
        if (process.ExecCPUAffinity?.Final is { Length: > 0 } final) ProcessSteps.Affinity(program, final, "execCPUAffinity.final");
        ProcessSteps.Session(program, process, request.NoNewKeyring ? null : request.ContainerId);
        if (slave is not null) ProcessSteps.Streams(program, slave.Value, slave.Value, slave.Value, terminal: true);
        else ProcessSteps.Streams(program, request.Stdin, request.Stdout, request.Stderr, terminal: false);
        int? oomStep = ProcessSteps.OomScore(program, process.OomScoreAdj);
        ProcessSteps.Label(program, process);
        if (!maps.IsHost) ProcessSteps.Limits(program, process, warnings);
        program.Add("join namespaces", LaunchSyscalls.setns, request.InitPidFd.Value, JoinFlags(request.Linux) | CLONE_NEWNS);
        // In a mount namespace that it joined the container's root is not the namespace's.
        if (request.Linux?.Namespaces?.Any(ns => ns is { Type: "mount", Path.Length: > 0 }) == true) RootSteps.AddChroot(program, root.Value);
        int kept = 3 + request.PreserveFds;
        if (stages is not null) kept = stages.AddMove(kept);
        ProcessSteps.Become(program, process, request.Linux, kept, !maps.IsHost, warnings, out seccompStep);
        stages?.AddStop("seccomp listener");
        stages?.AddLeaveParent();
        return oomStep;
    }

    /// <summary>
    /// The child shares the runtime's memory until its execve, unless a process of the container could reach into it: one that may
    /// trace (CAP_SYS_PTRACE without a user namespace). A time namespace can only be joined with memory of one's own too.
    /// </summary>
    private static int SharedMemory(ExecLaunch request) =>
        Joins(request.Linux, "time") || MayTrace(request) && !Joins(request.Linux, "user") ? 0 : CLONE_VM;

    private static bool MayTrace(ExecLaunch request) => MayTrace(request.Process.Capabilities) || MayTrace(request.OfContainer);

    private static bool MayTrace(Capabilities? sets) => sets is not null && (sets.Bounding?.Contains("CAP_SYS_PTRACE") == true || sets.Permitted?.Contains("CAP_SYS_PTRACE") == true);

    private static (int Pid, Fd PidFd) RunListened(LaunchProgram program, LaunchStages stages, ExecLaunch request, int seccompStep)
    {
        using var signals = new SignalsBlocked();
        var (pid, pidfd) = program.Clone(CLONE_PIDFD | SIGCHLD);
        stages.CloseChildEnds();
        stages.Child = pidfd;
        try
        {
            if (!stages.Await()) throw Failure(program, request.Process.Args[0]);
            SeccompListener.Send(pidfd, (int)program.ResultOf(seccompStep), request.Linux!.Seccomp!,
                new State { Id = request.ContainerId, Pid = pid, Status = "running", Bundle = request.Bundle, OciVersion = new Spec().OciVersion });
            stages.Resume();
            if (stages.Await() || program.FailedStep >= 0) throw Failure(program, request.Process.Args[0]);
            return (pid, pidfd);
        }
        catch
        {
            _ = Libc.syscall(SyscallNumber.pidfd_send_signal, pidfd.Value, 9);
            Reap(pidfd);
            pidfd.Dispose();
            throw;
        }
    }

    private static bool Joins(LinuxSpec? linux, string type) => linux?.Namespaces?.Any(ns => ns.Type == type) == true;

    internal static int JoinFlags(LinuxSpec? linux) =>
        (Joins(linux, "uts") ? CLONE_NEWUTS : 0) | (Joins(linux, "ipc") ? CLONE_NEWIPC : 0) | (Joins(linux, "network") ? CLONE_NEWNET : 0)
        | (Joins(linux, "cgroup") ? CLONE_NEWCGROUP : 0) | (Joins(linux, "user") ? CLONE_NEWUSER : 0) | (Joins(linux, "time") ? CLONE_NEWTIME : 0);
}
