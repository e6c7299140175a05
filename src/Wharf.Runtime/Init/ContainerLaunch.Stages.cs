using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Seccomp;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>The launch by stages.</summary>
internal sealed partial class ContainerLaunch
{
    private Launched RunByStages(int cloneFlags)
    {
        Prepare(null, () => _stages!.AddBegin(sharesDescriptors: false));
        var (pid, pidfd) = _program.Clone(cloneFlags | Launcher.CLONE_PIDFD | Launcher.SIGCHLD);
        _stages!.CloseChildEnds();
        _stages.Child = pidfd;
        return Guarded(pid, pidfd, () =>
        {
            Await("begin");
            BeforeSteps(pid);
            _stages.Resume();
            return Finish(pid, pidfd);
        });
    }

    // The child makes all new namespaces; the thread gives it its numbers and follows it into them with the host's privileges.
    private Launched RunInUserNamespace(int cloneFlags)
    {
        _stages!.AddBegin(sharesDescriptors: true);
        int? second = _namespaces.User is { } user ? AddJoinUser(user) : null;
        _stages.AddStop("begin");
        var (pid, pidfd) = _program.Clone(cloneFlags | Launcher.CLONE_FILES | Launcher.CLONE_PIDFD | Launcher.SIGCHLD);
        if (second is { } step) (pid, pidfd) = Follow(pidfd, step);
        _stages.Child = pidfd;
        return Guarded(pid, pidfd, () =>
        {
            Await("begin");
            if (_namespaces.NewUser) _maps.Write(pid);
            BeforeSteps(pid);
            Prepare(pidfd, _stages.AddUnshareDescriptors);
            _program.Commit();
            _stages.Resume();
            return Finish(pid, pidfd);
        });
    }

    /// <summary>
    /// Joins the user namespace and makes the others in it. Into a new PID namespace only a further child comes, which takes the first
    /// one's place as this process's own; gives the step that makes it.
    /// </summary>
    private int? AddJoinUser(Fd user)
    {
        const int CLONE_PARENT = 0x8000;
        _program.Add("join user namespace", LaunchSyscalls.setns, user.Value, Launcher.CLONE_NEWUSER);
        _program.Add("unshare namespaces", LaunchSyscalls.unshare, _namespaces.ChildMakes);
        if (!_namespaces.NewPid) return null;
        int step = _program.Add("clone", LaunchSyscalls.clone, CLONE_PARENT | Launcher.CLONE_FILES | Launcher.SIGCHLD, onError: OnError.GoOnAsChild);
        _stages!.AddBegin(sharesDescriptors: true);
        return step;
    }

    private (int Pid, Fd PidFd) Follow(Fd first, int step)
    {
        using (first) Launcher.Reap(first);
        if (_program.FailedStep >= 0) throw Launcher.Failure(_program, _process.Args[0]);
        int pid = (int)_program.ResultOf(step);
        return (pid, new Fd((int)SyscallException.Check(Libc.syscall(SyscallNumber.pidfd_open, pid, 0), "pidfd_open")));
    }

    private void Prepare(Fd? child, Action first)
    {
        first();
        if (child is null) _stages!.AddStop("begin");
        Prepare(child);
    }

    /// <summary>What the parent does for a child that has just begun: what its own privileges would not reach.</summary>
    private void BeforeSteps(int pid)
    {
        if (_namespaces.HasUser) Rlimits.Set(pid, _process, _warnings);
        if (_process.OomScoreAdj is not { } score) return;
        if (!OomScores.TryWrite(pid.ToString(CultureInfo.InvariantCulture), score)) _warnings.Add($"oom_score_adj {score}: the host does not allow it");
    }

    private Launched Finish(int pid, Fd pidfd)
    {
        Await("hooks");
        _stages!.CloseChildEnds();
        _request.Created?.Invoke(pid, _master);
        _namespaces.Leave();
        RunCreateHooks(pid, pidfd);
        _stages.Resume();
        if (_seccompStep is { } step && _linux.Seccomp!.ListenerPath is { Length: > 0 })
        {
            Await("seccomp listener");
            SeccompListener.Send(pidfd, (int)_program.ResultOf(step), _linux.Seccomp, HookState("creating", pid));
            _stages.Resume();
        }
        Await("start");
        if (_request.StartFifo is not null) return Done(pid, pidfd);
        HookRunner.RunIn(pidfd, _linux, _process, "startContainer", _spec.Hooks?.StartContainer, HookState("created", pid));
        _stages.Resume();
        if (_stages.Await() || _program.FailedStep >= 0) throw Launcher.Failure(_program, _process.Args[0]);
        return Done(pid, pidfd);
    }

    private void Await(string stage)
    {
        if (_stages!.Await()) return;
        if (_program.FailedStep >= 0) throw Launcher.Failure(_program, _process.Args[0]);
        throw new LaunchException(_cgroup.OomKilled() ? "container init was OOM-killed (memory limit too low?)" : $"the container's process ended before \"{stage}\"", stage, 0, 125);
    }

    private Launched Guarded(int pid, Fd pidfd, Func<Launched> body)
    {
        try
        {
            return body();
        }
        catch
        {
            _ = Libc.syscall(SyscallNumber.pidfd_send_signal, pidfd.Value, 9);
            Launcher.Reap(pidfd);
            pidfd.Dispose();
            throw;
        }
    }

    private void RunCreateHooks(int pid, Fd pidfd)
    {
        if (!HasHooks) return;
        HookRunner.Run("prestart", _spec.Hooks!.Prestart, HookState("creating", pid));
        HookRunner.Run("createRuntime", _spec.Hooks.CreateRuntime, HookState("creating", pid));
        HookRunner.RunIn(pidfd, _linux, null, "createContainer", _spec.Hooks.CreateContainer, HookState("creating", pid));
    }

    private State HookState(string status, int pid) => new()
    {
        OciVersion = _spec.OciVersion, Id = _request.ContainerId, Status = status, Pid = pid, Bundle = _request.Bundle, Annotations = _spec.Annotations,
    };
}

/// <summary>/proc/PID/oom_score_adj.</summary>
internal static class OomScores
{
    public static bool TryWrite(string pid, int score)
    {
        using var file = OpenAt.Open($"/proc/{pid}/oom_score_adj", O.WRONLY);
        try
        {
            FileAt.WriteAll(file.Value, Encoding.ASCII.GetBytes(score.ToString(CultureInfo.InvariantCulture)));
            return true;
        }
        catch (SyscallException error) when (error.Errno is Errno.EACCES or Errno.EPERM) { return false; }
    }
}
