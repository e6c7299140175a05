using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Launching;

/// <summary>What create and run have in common: a bundle becomes a container of the store, with its process.</summary>
internal sealed class ContainerStarter(Context context, Arguments arguments, bool create)
{
    private readonly ContainerStore _store = new(context.Root);
    private bool _joinsUser;

    public static IReadOnlyList<Flag> Flags { get; } =
    [
        Flag.Value("bundle", "directory of the bundle, by default the current one", "b"),
        Flag.Value("console-socket", "unix socket that is sent the master end of the terminal"),
        Flag.Value("pidfd-socket", "unix socket that is sent a descriptor of the process"),
        Flag.Value("pid-file", "file to write the process's ID to"),
        Flag.Switch("no-pivot", "change the root without pivot_root: for a root on a ramdisk"),
        Flag.Switch("no-new-keyring", "keep the caller's session keyring"),
        Flag.Value("preserve-fds", "pass on so many descriptors behind the standard streams and $LISTEN_FDS", null, "0"),
    ];

    /// <summary>Makes the container; with create its process waits for the start.</summary>
    public (Container Container, Spec Spec, Launched Launched) Start()
    {
        bool detach = create || arguments.On("detach");
        var bundle = Bundle.Load(arguments.Text("bundle"));
        var spec = bundle.Spec;
        ContainerStore.Validate(arguments.Rest[0]);
        SpecRules.Check(spec, context.Log);
        if (Rootless.Needed) Rootless.Enter(spec.Linux!);
        if (Rootless.Entered) Rootless.Adapt(spec);
        if (spec.Linux!.Namespaces?.FirstOrDefault(ns => ns.Type == "user")?.Path is { Length: > 0 } user)
        {
            (spec.Linux.UidMappings, spec.Linux.GidMappings) = Maps(user);
            _joinsUser = true;
        }
        PrepareTerminal(spec.Process!, detach, arguments.Text("console-socket"));
        int preserved = Inheritance.Count(arguments.Number("preserve-fds"), spec.Process!);
        var container = _store.Create(arguments.Rest[0]);
        try
        {
            return (container, spec, Launch(container, bundle, preserved));
        }
        catch
        {
            DestroyFailed(container, context.Log);
            throw;
        }
    }

    // A user namespace that is there has its numbers; what is made for the container is made by them.
    private static (List<IdMapping>, List<IdMapping>) Maps(string path)
    {
        var maps = IdMaps.Read(path);
        return ([.. maps.Uids], [.. maps.Gids]);
    }

    public static void DestroyFailed(Container container, RuntimeLog log)
    {
        try { container.Destroy(log); }
        catch (Exception error) when (error is IOException or RuntimeException) { log.Warning(error.Message); } // the first error is the one to tell
    }

    /// <summary>What is to show a process's terminal must be there; a terminal that has no size yet gets that of the caller's.</summary>
    public static void PrepareTerminal(Process process, bool detach, string? socket)
    {
        bool terminal = process.Terminal == true;
        if (detach && terminal && socket is null) throw new RuntimeException("cannot allocate tty if runc will detach without setting console socket");
        if ((!detach || !terminal) && socket is not null) throw new RuntimeException("cannot use console socket if runc will not detach or allocate tty");
        if (detach || !terminal) return;
        using var own = HostTerminal.Open();
        process.ConsoleSize ??= own.Size();
    }

    private Launched Launch(Container container, Bundle bundle, int preserved)
    {
        var (spec, state) = (bundle.Spec, container.State);
        var layout = CgroupLayout.Detect() with { UseSystemd = context.SystemdCgroup };
        var place = Fill(container, bundle, layout);
        if (context.ToleratesNoCgroup && !Cgroup.MayMake(layout, place)) (place, state.CgroupPath, state.CgroupUnit, state.CgroupSlice) = (CgroupPlace.None, "", null, null);
        var group = container.Cgroup = Cgroup.Open(layout, place);
        if (group.Exists && group.Pids().Count > 0) throw new RuntimeException($"container's cgroup is not empty: {group.Pids().Count} process(es) found");
        if (group.Exists && group.Frozen) throw new RuntimeException("container's cgroup unexpectedly frozen");
        // As it was given; but the numbers of a user namespace that was joined are known by its path for as long as that is there only.
        container.SaveSpec(_joinsUser ? System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeJson.Default.Spec) : bundle.Config);
        if (spec.Linux!.IntelRdt is { } rdt) (state.IntelRdtPath, state.IntelRdtOwn) = (IntelRdt.Detect() ?? throw new RuntimeException(IntelRdt.NotSupported)).Create(rdt, container.Id);
        // From here on a delete finds what there is to free, whatever becomes of this process.
        container.Save();
        if (create) Fifo.Make(container.FifoPath);
        using var fifo = create ? OpenAt.Open(container.FifoPath, O.RDWR) : null;
        using var streams = new Inheritance(preserved);
        // Mounted on itself: hooks look for the container's files where the bundle says.
        var launched = new Launcher(layout, spec.Root!.Path).Launch(new LaunchRequest
        {
            ContainerId = container.Id, Spec = spec, Rootfs = [], Stdin = streams.Stdin, Stdout = streams.Stdout, Stderr = streams.Stderr, Cgroup = place, Bundle = bundle.Directory,
            StartFifo = fifo, PreserveFds = preserved, NoPivot = arguments.On("no-pivot"), NoNewKeyring = arguments.On("no-new-keyring"), OnCallersThread = true,
            Created = (pid, master) => OnCreated(container, spec, group, pid, master),
        });
        foreach (var warning in launched.Warnings) context.Log.Warning(warning);
        if (arguments.Text("pidfd-socket") is { } path) SendTo(path, "pidfd", launched.PidFd);
        PidFile.Write(arguments.Text("pid-file"), launched.Pid);
        return launched;
    }

    /// <summary>What is known of a container before it has a process.</summary>
    public static CgroupPlace Fill(Container container, Bundle bundle, CgroupLayout layout)
    {
        var (spec, state) = (bundle.Spec, container.State);
        var place = CgroupPlace.Resolve(layout, spec.Linux!.CgroupsPath, container.Id);
        (state.OciVersion, state.Bundle, state.Rootfs, state.Created, state.Annotations) = (spec.OciVersion, bundle.Directory, spec.Root!.Path, DateTime.UtcNow, spec.Annotations);
        (state.CgroupPath, state.CgroupUnit, state.CgroupSlice) = (place.Path, place.Unit, place.Slice);
        return place;
    }

    private void OnCreated(Container container, Spec spec, Cgroup group, int pid, Fd? master)
    {
        if (container.State.IntelRdtPath is { } rdt) IntelRdt.Join(rdt, pid);
        Register(container, spec, group, pid);
        if (master is not null && arguments.Text("console-socket") is { } socket) SendTo(socket, "/dev/ptmx", master);
    }

    /// <summary>Writes down the container's process.</summary>
    public static void Register(Container container, Spec spec, Cgroup group, int pid)
    {
        var state = container.State;
        (state.InitPid, state.InitStart) = (pid, Container.StartOf(pid));
        foreach (var ns in spec.Linux!.Namespaces ?? []) state.NamespacePaths[KeyOf(ns.Type)] = $"/proc/{pid}/ns/{FileOf(ns.Type)}";
        foreach (var path in group.Directories) state.CgroupPaths[Path.GetFileName(path[..^group.Path.Length])] = path;
        container.Save();
    }

    private static string KeyOf(string type) => type switch { "network" => "NEWNET", "mount" => "NEWNS", _ => "NEW" + type.ToUpperInvariant() };

    private static string FileOf(string type) => type switch { "network" => "net", "mount" => "mnt", _ => type };

    public static void SendTo(string socket, string name, Fd file)
    {
        using var connection = FdSocket.Connect(socket);
        FdSocket.Send(connection.Value, System.Text.Encoding.UTF8.GetBytes(name), file);
    }
}
