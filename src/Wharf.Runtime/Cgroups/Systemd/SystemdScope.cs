using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups.Systemd;

/// <summary>
/// The unit that a container's group is. systemd makes a scope only around a process that is there already, and ends it with its last
/// one; the container's own does not exist yet when its limits are set. A placeholder that only waits holds the scope open until then.
/// </summary>
internal sealed class SystemdScope(CgroupLayout layout, CgroupPlace place)
{
    private string Unit => place.Unit!;
    private bool IsSlice => Unit.EndsWith(".slice", StringComparison.Ordinal);
    private Placeholder? _placeholder;

    public void Start()
    {
        if (!layout.SystemdRuns) throw new CgroupException("linux.cgroupsPath", "systemd cgroup flag passed, but systemd is not running on this machine");
        _placeholder = IsSlice ? null : new Placeholder();
        List<UnitProperty> properties = [UnitProperty.Text("Description", $"container {Unit}")];
        if (IsSlice) properties.Add(UnitProperty.Texts("Wants", place.Slice!));
        else
        {
            properties.Add(UnitProperty.Text("Slice", place.Slice!));
            properties.Add(UnitProperty.Boolean("Delegate", true)); // systemd keeps its hands off what is below
            properties.Add(UnitProperty.Pids((uint)_placeholder!.Pid));
        }
        foreach (var controller in (ReadOnlySpan<string>)["Memory", "CPU", layout.IsV2 ? "IO" : "BlockIO", "Tasks"]) properties.Add(UnitProperty.Boolean(controller + "Accounting", true));
        properties.Add(UnitProperty.Boolean("DefaultDependencies", false)); // or a shutdown would wait for it
        using var systemd = new SystemdManager();
        systemd.StartTransient(Unit, properties);
    }

    public void Set(LinuxResources resources, CurrentLimits current, List<string> warnings)
    {
        using var systemd = new SystemdManager();
        var properties = SystemdProperties.Of(resources, layout.IsV2, systemd.Version, current);
        if (properties.Count > 0) systemd.SetProperties(Unit, properties);
    }

    /// <summary>A process of the container's is in: the scope lives by it now.</summary>
    public void Settle()
    {
        _placeholder?.Dispose();
        _placeholder = null;
    }

    public void Stop()
    {
        Settle();
        if (!layout.SystemdRuns) return;
        using var systemd = new SystemdManager();
        systemd.Stop(Unit);
    }
}

/// <summary>
/// A process that does nothing but wait until it is killed, and ends with the thread that made it. A program of the machine's own: what
/// shares the parent's memory may only run while the parent waits.
/// </summary>
internal sealed class Placeholder : IDisposable
{
    private const int CLONE_VM = 0x100, CLONE_VFORK = 0x4000, CLONE_PIDFD = 0x1000, SIGCHLD = 17, SIGKILL = 9, PR_SET_PDEATHSIG = 1;

    private readonly Fd _pidfd;

    public Placeholder()
    {
        using var program = new LaunchProgram();
        program.Add("end with the parent", LaunchSyscalls.prctl, PR_SET_PDEATHSIG, SIGKILL);
        program.Add("close descriptors", SyscallNumber.close_range, 3, unchecked((nint)uint.MaxValue), 0);
        program.Add("exec", LaunchSyscalls.execve, program.Text(FindSleep()), program.Texts(["sleep", "2147483647"]), program.Texts([]));
        using (Launcher.BlockSignals()) (Pid, _pidfd) = program.Clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD);
        if (program.FailedStep < 0) return;
        Launcher.Reap(_pidfd);
        _pidfd.Dispose();
        throw new CgroupException("linux.cgroupsPath", $"cannot hold the scope open: {program.NameOf(program.FailedStep)}: {CgroupFile.Text(program.FailedErrno)}", program.FailedErrno);
    }

    public int Pid { get; }

    private static string FindSleep()
    {
        foreach (var directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(["/usr/bin", "/bin"]))
            if (File.Exists(Path.Combine(directory, "sleep"))) return Path.Combine(directory, "sleep");
        throw new CgroupException("linux.cgroupsPath", "cannot hold the scope open: this machine has no sleep(1)");
    }

    public void Dispose()
    {
        _ = Libc.syscall(SyscallNumber.pidfd_send_signal, _pidfd.Value, SIGKILL);
        Launcher.Reap(_pidfd);
        _pidfd.Dispose();
    }
}
