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
    /// <summary>
    /// Makes the container and runs its process. Returns once the program has been executed, or with a <see cref="LaunchRequest.StartFifo"/>
    /// once it waits there; throws when it could not be, with nothing left behind.
    /// </summary>
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
            if (OwnsCgroup(spec)) cgroup.Delegate(IdMaps.Of(spec.Linux).Uid(0));
            bool told = false;
            Launched Run()
            {
                using var launch = new ContainerLaunch(this, request, cgroup, warnings);
                told = launch.Staged;
                return launch.Run();
            }
            var launched = CanComeBack(request) ? AndComeBack(spec.Linux!, Run) : OnOwnThread(Run);
            if (!told) Tell(request, launched);
            cgroup.Settle();
            return launched;
        }
        catch
        {
            cgroup.TryDelete();
            throw;
        }
    }

    // In a cgroup namespace of its own, with a user namespace and its groups mounted writable.
    private static bool OwnsCgroup(Spec spec) => spec.Linux?.Namespaces is { } namespaces && namespaces.Any(ns => ns is { Type: "cgroup", Path: null or "" }) && namespaces.Any(ns => ns.Type == "user")
        && spec.Mounts?.Any(mount => mount.Type is "cgroup" or "cgroup2" && mount.Options?.Contains("ro") != true) == true;

    private static void Tell(LaunchRequest request, Launched launched)
    {
        try
        {
            request.Created?.Invoke(launched.Pid, launched.TerminalMaster);
        }
        catch
        {
            _ = Libc.syscall(SyscallNumber.pidfd_send_signal, launched.PidFd.Value, 9);
            Reap(launched.PidFd);
            launched.PidFd.Dispose();
            launched.TerminalMaster?.Dispose();
            throw;
        }
    }

    /// <summary>Attaches the root file system at the mount point, in this thread's own mount namespace, and opens it.</summary>
    internal Fd MountRoot(IReadOnlyList<Mount> rootfs, LinuxSpec linux, MountSources sources)
    {
        foreach (var mount in rootfs)
        {
            var options = MountOptions.Parse(mount.Options);
            using var tree = sources.Take(mount) is { } made ? made
                : mount.Type == "overlay" ? OverlayMount.Create(options.Data, options.Set, ownNamespace: true)
                : options.Bind ? MountTree.Clone(mount.Source ?? throw WharfException.Invalid("a bind of the root needs a source"), options.Recursive)
                : MountTree.Create(mount.Type ?? "", mount.Source, options.Data, options.Set);
            AttachRoot(tree, linux.RootfsPropagation);
        }
        if (sources.Root is { } bundleRoot) AttachRoot(bundleRoot, linux.RootfsPropagation);
        return OpenAt.Open(MountPoint, O.RDONLY | O.DIRECTORY);
    }

    private void AttachRoot(Fd tree, string? propagation)
    {
        var (kind, recursive) = MountOptions.PropagationOf(propagation);
        // pivot_root refuses a shared root; as a slave it can be made shared after that.
        if (kind == MountFlags.MS_SHARED) kind = MountFlags.MS_SLAVE;
        MountTree.SetAttributes(tree, 0, 0, kind ?? MountFlags.MS_PRIVATE, kind is null || recursive);
        using var target = OpenAt.Open(MountPoint, O.PATH | O.DIRECTORY);
        MountTree.Attach(tree, target, MountPoint);
    }
}
