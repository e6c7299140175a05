using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>Launching a container.</summary>
public sealed partial class Launcher
{
    /// <summary>Makes the container and runs its process. Returns once the program has been executed; throws when it could not be, with nothing left behind.</summary>
    public Launched Launch(LaunchRequest request)
    {
        var spec = request.Spec;
        if (spec.Process is null) throw new LaunchException("the configuration has no process", "configuration", 0, 125);
        var warnings = new List<string>();
        Cgroup cgroup;
        try { cgroup = Cgroup.Create(Layout, request.Cgroup ?? CgroupPlace.Resolve(Layout, spec.Linux?.CgroupsPath, request.ContainerId), spec.Linux?.Resources, warnings); }
        catch (Exception error) when (error is SyscallException or WharfException or IOException) { throw AsLaunchException(error); }
        try
        {
            var launched = OnOwnThread(() => LaunchHere(request, cgroup, warnings));
            cgroup.Settle();
            return launched;
        }
        catch
        {
            cgroup.TryDelete();
            throw;
        }
    }

    private Launched LaunchHere(LaunchRequest request, Cgroup cgroup, List<string> warnings)
    {
        var spec = request.Spec;
        var process = request.InitPath is null ? spec.Process! : WithInit(spec.Process!);
        var namespaces = Namespaces.Enter(spec.Linux!.Namespaces ?? []);
        if (spec.Hostname is { Length: > 0 } hostname) UtsNames.SetHostname(hostname);
        if (spec.Domainname is { Length: > 0 } domain) UtsNames.SetDomainname(domain);

        using var root = MountRoot(request.Rootfs, spec.Root);
        var mounts = new ContainerMounts(root, Layout, namespaces.NewCgroup && Layout.IsV2 ? cgroup.Path : cgroup.Path);
        foreach (var mount in spec.Mounts ?? []) mounts.Add(mount);
        if (request.InitPath is { } init) mounts.Add(new Mount { Destination = InitDestination, Type = "bind", Source = init, Options = ["bind", "ro"] });
        Devices.Create(root, spec.Linux.Devices);
        Sysctls.Write(spec.Linux.Sysctl);
        using var nullDevice = Devices.OpenNull(root);
        foreach (var path in spec.Linux.MaskedPaths ?? []) if (!Masks.IsUnderProc(path)) Masks.Hide(root, nullDevice, path);
        foreach (var path in spec.Linux.ReadonlyPaths ?? []) if (!Masks.IsUnderProc(path)) Masks.MakeReadOnly(root, path);

        Fd? master = null, slave = null;
        try
        {
            if (process.Terminal == true)
            {
                (master, slave) = Terminal.Open(root, process.User, process.ConsoleSize);
                Devices.MountConsole(root, slave);
            }
            MakeWorkingDirectory(root, process.Cwd);
            if (spec.Root?.Readonly == true) MountTree.SetAttributes(root, MountFlags.MOUNT_ATTR_RDONLY, 0);
            using var program = Program(request, process, root, mounts, nullDevice, slave, namespaces, cgroup, warnings, out int? oomStep);
            var outcome = RunProgram(program, namespaces.CloneFlags, process.Args[0]);
            if (oomStep is { } step && outcome.Results[step] < 0) warnings.Add($"oom_score_adj {process.OomScoreAdj}: the host does not allow it");
            return new Launched(outcome.Pid, outcome.PidFd, DateTimeOffset.UtcNow, master, cgroup, warnings);
        }
        catch
        {
            master?.Dispose();
            throw;
        }
        finally
        {
            slave?.Dispose();
            foreach (var (mount, _) in mounts.ProcMounts) mount.Dispose();
        }
    }

    private static LaunchProgram Program(LaunchRequest request, Process process, Fd root, ContainerMounts mounts, Fd nullDevice, Fd? slave, Namespaces namespaces, Cgroup cgroup, List<string> warnings, out int? oomStep)
    {
        var linux = request.Spec.Linux!;
        var program = new LaunchProgram();
        try
        {
            var path = ProgramPath.Find(root, process);
            ProcessSteps.ResetSignals(program);
            ProcessSteps.JoinCgroup(program, cgroup.JoinFiles);
            if (namespaces.NewCgroup) program.Add("unshare cgroup namespace", LaunchSyscalls.unshare, CLONE_NEWCGROUP);
            int terminal = slave is null ? -1 : slave.Value;
            ProcessSteps.Streams(program, slave is null ? request.Stdin : terminal, slave is null ? request.Stdout : terminal, slave is null ? request.Stderr : terminal, slave is not null);
            oomStep = ProcessSteps.OomScore(program, process.OomScoreAdj);
            RootSteps.Add(program, root, mounts, nullDevice, linux);
            ProcessSteps.Become(program, process, linux, path, warnings);
            return program;
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    private const string InitDestination = "/sbin/docker-init";

    private static Process WithInit(Process process) => process with { Args = [InitDestination, "--", .. process.Args] };

    /// <summary>Attaches the root file system at the mount point, in this thread's own mount namespace, and opens it.</summary>
    private Fd MountRoot(IReadOnlyList<Mount> rootfs, Root? spec)
    {
        foreach (var mount in rootfs)
        {
            var options = MountOptions.Parse(mount.Options);
            using var tree = mount.Type == "overlay" ? OverlayMount.Create(options.Data, options.Set, ownNamespace: true)
                : options.Bind ? MountTree.Clone(mount.Source ?? throw WharfException.Invalid("a bind of the root needs a source"), options.Recursive)
                : MountTree.Create(mount.Type ?? "", mount.Source, options.Data, options.Set);
            MountTree.SetAttributes(tree, 0, 0, MountFlags.MS_PRIVATE, recursive: true);
            using var target = OpenAt.Open(MountPoint, O.PATH | O.DIRECTORY);
            MountTree.Attach(tree, target, MountPoint);
        }
        if (rootfs.Count == 0 && spec is not null)
        {
            using var tree = MountTree.Clone(spec.Path, recursive: true);
            using var target = OpenAt.Open(MountPoint, O.PATH | O.DIRECTORY);
            MountTree.Attach(tree, target, MountPoint);
        }
        return OpenAt.Open(MountPoint, O.RDONLY | O.DIRECTORY);
    }

    private static void MakeWorkingDirectory(Fd root, string cwd)
    {
        if (!cwd.StartsWith('/')) throw WharfException.Invalid($"process.cwd \"{cwd}\" is not an absolute path");
        if (Masks.IsUnderProc(cwd)) return;
        using (InRootPath.OpenOrCreateDirectory(root, cwd)) { }
    }
}
