using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>
/// One launch, on a thread of its own. Without hooks, user namespace or a start that comes later, the child runs its whole program while
/// the thread is suspended; otherwise it goes by stages, and what is asked for is done between them.
/// </summary>
internal sealed partial class ContainerLaunch : IDisposable
{
    private const string InitDestination = "/sbin/docker-init";

    private readonly Launcher _launcher;
    private readonly LaunchRequest _request;
    private readonly Cgroup _cgroup;
    private readonly List<string> _warnings;
    private readonly Spec _spec;
    private readonly LinuxSpec _linux;
    private readonly Process _process;
    private readonly IdMaps _maps;
    private readonly LaunchProgram _program = new();
    private readonly Namespaces _namespaces;
    private readonly MountSources _sources;
    private readonly NetDevices? _netDevices;
    private readonly List<IDisposable> _owned = [];
    private LaunchStages? _stages;
    private Fd? _master, _slave;
    private int? _seccompStep;

    public ContainerLaunch(Launcher launcher, LaunchRequest request, Cgroup cgroup, List<string> warnings)
    {
        (_launcher, _request, _cgroup, _warnings, _spec, _linux) = (launcher, request, cgroup, warnings, request.Spec, request.Spec.Linux!);
        _process = request.InitPath is null ? _spec.Process! : _spec.Process! with { Args = [InitDestination, "--", .. _spec.Process!.Args] };
        _maps = IdMaps.Of(_linux);
        _namespaces = new Namespaces(_linux);
        if (_linux.NetDevices is { Count: > 0 }) _netDevices = Own(new NetDevices(_linux));
        _sources = new MountSources(_spec, request.Rootfs.Count == 0 ? _spec.Root : null, request.Rootfs);
    }

    /// <summary>Whether the child stops on its way, for its parent to do what it cannot.</summary>
    public bool Staged => _request.StartFifo is not null || _namespaces.HasUser || HasHooks || _linux.Seccomp?.ListenerPath is { Length: > 0 } || _linux.IntelRdt is not null;

    private bool HasHooks => _spec.Hooks is { } hooks && (hooks.Prestart?.Count > 0 || hooks.CreateRuntime?.Count > 0 || hooks.CreateContainer?.Count > 0 || hooks.StartContainer?.Count > 0);

    public Launched Run()
    {
        int cloneFlags = _namespaces.CloneFlags;
        _namespaces.Join();
        if (!Staged)
        {
            Prepare(null);
            // Who is in the PID namespace already could reach into memory that is shared (see Launcher.SharedMemory); older kernels (6.1) let nobody enter a time namespace with it.
            var (pid, pidfd) = Launcher.RunProgram(_program, (_namespaces.JoinsPid || _namespaces.EntersTime ? 0 : Launcher.CLONE_VM) | cloneFlags, _process.Args[0]);
            return Done(pid, pidfd);
        }
        using var signals = new Launcher.SignalsBlocked();
        _stages = new LaunchStages(_program);
        return _namespaces.HasUser ? RunInUserNamespace(cloneFlags) : RunByStages(cloneFlags);
    }

    private Launched Done(int pid, Fd pidfd)
    {
        if (_oomStep is { } step && _program.ResultOf(step) < 0) _warnings.Add($"oom_score_adj {_process.OomScoreAdj}: the host does not allow it");
        var master = _master;
        _master = null;
        return new Launched(pid, pidfd, DateTimeOffset.UtcNow, master, _cgroup, _warnings);
    }

    private int? _oomStep;

    /// <summary>Everything but the process: names, mounts, devices, masks, terminal; then the steps that the child takes from here.</summary>
    private void Prepare(Fd? child)
    {
        _namespaces.Enter(child);
        _netDevices?.MoveHere();
        if (_spec.Hostname is { Length: > 0 } hostname) UtsNames.SetHostname(hostname);
        if (_spec.Domainname is { Length: > 0 } domain) UtsNames.SetDomainname(domain);

        var root = Own(_launcher.MountRoot(_request.Rootfs, _linux, _sources));
        var mounts = Own(new ContainerMounts(root, _launcher.Layout, _cgroup.Path, _maps, _sources, _linux.MountLabel));
        foreach (var mount in _spec.Mounts ?? []) mounts.Add(mount);
        if (_request.InitPath is { } init) mounts.Add(new Mount { Destination = InitDestination, Type = "bind", Source = init, Options = ["bind", "ro"] });
        if (mounts.MountsDev) Devices.Create(root, _linux.Devices, _maps);
        else Devices.CreateGiven(root, _linux.Devices, _maps);
        Sysctls.Write(_linux.Sysctl);
        var nullDevice = Own(Devices.OpenNull(root, required: _linux.MaskedPaths is { Count: > 0 }));
        foreach (var path in _linux.MaskedPaths ?? []) if (!Masks.IsUnderProc(path)) Masks.Hide(root, nullDevice!, path);
        foreach (var path in _linux.ReadonlyPaths ?? []) if (!Masks.IsUnderProc(path)) Masks.MakeReadOnly(root, path);
        if (_process.Terminal == true)
        {
            (_master, _slave) = Terminal.Open(root, _maps.Uid(_process.User.Uid), _process.ConsoleSize);
            Devices.MountConsole(root, _slave, _maps);
        }
        MakeWorkingDirectory(root, _process.Cwd);
        if (_spec.Root?.Readonly == true) MountTree.SetAttributes(root, MountFlags.MOUNT_ATTR_RDONLY, 0);
        AddSteps(root, mounts, nullDevice);
    }

    private void AddSteps(Fd root, ContainerMounts mounts, Fd? nullDevice)
    {
        var path = ProgramPath.Find(root, _process);
        ProcessSteps.ResetSignals(_program);
        ProcessSteps.JoinCgroup(_program, _cgroup.JoinFiles);
        if (_namespaces.NewCgroup) _program.Add("unshare cgroup namespace", LaunchSyscalls.unshare, Launcher.CLONE_NEWCGROUP);
        ProcessSteps.Session(_program, _process, _request.NoNewKeyring ? null : _request.ContainerId);
        if (_slave is not null) ProcessSteps.Streams(_program, _slave.Value, _slave.Value, _slave.Value, terminal: true);
        else ProcessSteps.Streams(_program, Own(_request.Stdin, nullDevice), Own(_request.Stdout, nullDevice), Own(_request.Stderr, nullDevice), terminal: false);
        if (_stages is null) _oomStep = ProcessSteps.OomScore(_program, _process.OomScoreAdj);
        ProcessSteps.Label(_program, _process);
        RootSteps.AddProc(_program, root, mounts, nullDevice, _linux);
        _stages?.AddStop("hooks");
        if (_namespaces.Mounts is { } mountNamespace) RootSteps.AddMoveTo(_program, root, mountNamespace, _launcher.MountPoint);
        else RootSteps.AddChange(_program, root, _request.NoPivot, _linux.RootfsPropagation);
        int kept = 3 + _request.PreserveFds;
        if (_stages is not null) kept = _request.StartFifo is { } fifo ? _stages.AddMove(kept, fifo.Value) : _stages.AddMove(kept);
        ProcessSteps.Become(_program, _process, _linux, kept, _namespaces.HasUser, _warnings, out _seccompStep);
        if (_stages is not null) AddLastStages(kept - 1);
        ProcessSteps.Execute(_program, _process, path, root);
    }

    // The host's null device becomes the container's: a file of a mount that is not its own could not be named in it, and not be checkpointed.
    private int Own(int stream, Fd? nullDevice)
    {
        if (stream < 0 || nullDevice is null || FileStat.OfNumber(stream) is not { IsCharacterDevice: true, RdevMajor: 1, RdevMinor: 3 }) return stream;
        try { return _program.Keep(_null ??= OpenAt.Open(nullDevice.ProcPath, O.RDWR)); }
        catch (SyscallException) { return stream; } // a mount without devices
    }

    private Fd? _null;

    private void AddLastStages(int fifo)
    {
        if (_seccompStep is not null && _linux.Seccomp!.ListenerPath is { Length: > 0 }) _stages!.AddStop("seccomp listener");
        if (_request.StartFifo is not null)
        {
            _stages!.AddLeaveParent();
            _stages.AddTell("created");
            _program.Add("wait for start", LaunchSyscalls.read, fifo, _program.Allocate(8), 1);
        }
        else
        {
            _stages!.AddStop("start");
            _stages.AddLeaveParent();
        }
    }

    private void MakeWorkingDirectory(Fd root, string cwd)
    {
        if (!cwd.StartsWith('/')) throw WharfException.Invalid($"process.cwd \"{cwd}\" is not an absolute path");
        if (Masks.IsUnderProc(cwd)) return;
        using (InRootPath.OpenOrCreateDirectory(root, cwd, _maps)) { }
    }

    private T Own<T>(T thing) where T : IDisposable?
    {
        if (thing is not null) _owned.Add(thing);
        return thing;
    }

    public void Dispose()
    {
        _stages?.Dispose();
        _program.Dispose();
        _namespaces.Dispose();
        _sources.Dispose();
        foreach (var thing in _owned) thing.Dispose();
        _master?.Dispose();
        _slave?.Dispose();
    }
}
