using System.Runtime.ExceptionServices;
using System.Text.Json;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Launching;
using Wharf.Runtime.Commands.Store;
using Wharf.Runtime.Init;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands.Checkpoint;

/// <summary>A container that runs again.</summary>
internal sealed record Restored(Container Container, Fd PidFd, Fd? Master) : IDisposable
{
    public void Dispose()
    {
        PidFd.Dispose();
        Master?.Dispose();
    }
}

/// <summary>
/// Makes a container of the store whose processes criu builds up. criu runs in the container's cgroup and in a mount namespace of its
/// own, in which the bundle's root is a mount, as it demands; the container's process becomes this program's child. The thread that
/// asks is in that namespace too: the directories that it hands to criu must be in it.
/// </summary>
internal sealed class ContainerRestore(Context context, Arguments arguments, Bundle bundle)
{
    private readonly Spec _spec = bundle.Spec;
    private Fd? _master;

    public Restored Run()
    {
        CheckpointFlags.Check(arguments);
        var criu = Criu.Require(context.Criu, context.Log);
        var imagePath = CheckpointFlags.ImagePath(arguments);
        if (!Directory.Exists(imagePath)) throw new RuntimeException($"open {imagePath}: no such file or directory");
        var container = new ContainerStore(context.Root).Create(arguments.Rest[0]);
        try
        {
            return OnOwnThread(() => Restore(criu, container, imagePath));
        }
        catch
        {
            _master?.Dispose();
            ContainerStarter.DestroyFailed(container, context.Log);
            throw;
        }
    }

    private static Restored OnOwnThread(Func<Restored> body)
    {
        Restored? restored = null;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try { restored = body(); }
            catch (Exception error) { failure = ExceptionDispatchInfo.Capture(error); }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return restored!;
    }

    /// <summary>A mount namespace of this thread's own with the bundle's root on <paramref name="mountPoint"/>.</summary>
    private unsafe void MountRoot(string mountPoint)
    {
        Directory.CreateDirectory(mountPoint);
        SyscallException.Check(Libc.unshare(Launcher.CLONE_FS | Launcher.CLONE_NEWNS), "unshare");
        SyscallException.Check(Libc.mount(null, "/", null, (nuint)(MountFlags.MS_REC | MountFlags.MS_SLAVE), null), "mount", "/");
        SyscallException.Check(Libc.mount(_spec.Root!.Path, mountPoint, null, (nuint)(MountFlags.MS_BIND | MountFlags.MS_REC), null), "mount", mountPoint);
        SyscallException.Check(Libc.mount(null, mountPoint, null, (nuint)(MountFlags.MS_REC | MountFlags.MS_PRIVATE), null), "mount", mountPoint);
    }

    private Restored Restore(Criu criu, Container container, string imagePath)
    {
        var layout = CgroupLayout.Detect() with { UseSystemd = context.SystemdCgroup };
        var place = ContainerStarter.Fill(container, bundle, layout);
        container.SaveSpec(bundle.Config);
        container.Save();
        var warnings = new List<string>();
        var group = Cgroup.Create(layout, place, _spec.Linux!.Resources, warnings);
        foreach (var warning in warnings) context.Log.Warning(warning);
        var mountPoint = Path.Combine(container.Directory, "criu-root");
        MountRoot(mountPoint);
        using var images = CheckpointFlags.OpenDirectory(imagePath, make: false);
        using var work = CheckpointFlags.OpenDirectory(arguments.Text("work-path") is { Length: > 0 } path ? Path.GetFullPath(path) : Path.Combine(container.Directory, "criu.work"), make: true);
        using var root = OpenAt.Open(_spec.Root!.Path, O.RDONLY | O.DIRECTORY);
        OutsideMounts.MakeTargets(_spec, root);
        var joined = CheckpointFlags.JoinedNamespaces(_spec).Select(ns => (ns.Name, File: OpenAt.Open(ns.Path, O.RDONLY))).ToList();
        using var streams = new Inheritance(0);
        var (keys, files) = Streams(imagePath, streams);
        keys.AddRange(joined.Select(ns => ns.Name));
        files.AddRange(joined.Select(ns => ns.File));
        var options = CheckpointFlags.Options(arguments, _spec, images, work, "restore.log") with
        {
            Root = mountPoint, RestoreSibling = true, EvasiveDevices = true, LsmProfile = arguments.Text("lsm-profile"), LsmMountContext = arguments.Text("lsm-mount-context"),
            Mounts = OutsideMounts.Of(_spec, root, layout, place.Path),
            Inherited = [.. keys.Select((key, index) => (key, Criu.FirstInherited + index))],
        };
        try
        {
            var response = criu.Call(CriuRequest.Restore, null, (notice, file) => OnNotice(container, group, notice, file), program => ProcessSteps.JoinCgroup(program, group.JoinFiles), files,
                complete: pid => options with { CgroupRoots = RootsOf(pid, layout) });
            return Finish(container, group, response.Pid);
        }
        finally
        {
            foreach (var (_, file) in joined) file.Dispose();
        }
    }

    // The streams that were pipes are this program's own now.
    private static (List<string> Keys, List<Fd> Files) Streams(string imagePath, Inheritance streams)
    {
        var (keys, files) = (new List<string>(), new List<Fd>());
        var path = Path.Combine(imagePath, CheckpointFlags.DescriptorsFile);
        if (!File.Exists(path)) return (keys, files);
        var json = new Utf8JsonReader(File.ReadAllBytes(path));
        for (int fd = 0; json.Read();)
        {
            if (json.TokenType != JsonTokenType.String) continue;
            if (json.GetString() is { } name && name.StartsWith("pipe:", StringComparison.Ordinal) && fd < 3)
            {
                keys.Add(name);
                files.Add(streams.Files[fd]);
            }
            fd++;
        }
        return (keys, files);
    }

    // As the kernel names them to criu: what the images call the container's groups is to be these.
    private static IReadOnlyList<(string, string)> RootsOf(int pid, CgroupLayout layout)
    {
        var roots = new List<(string, string)>();
        foreach (var line in File.ReadLines($"/proc/{pid}/cgroup"))
        {
            var parts = line.Split(':', 3);
            if (parts.Length == 3 && (parts[1].Length > 0 || layout.IsV2 || layout.JoinsUnified)) roots.Add((parts[1], parts[2]));
        }
        return roots;
    }

    private void OnNotice(Container container, Cgroup group, CriuResponse notice, Fd? file)
    {
        switch (notice.Script)
        {
            case "setup-namespaces":
                var state = container.HookState("creating") with { Pid = notice.ScriptPid };
                HookRunner.Run("prestart", _spec.Hooks?.Prestart, state);
                HookRunner.Run("createRuntime", _spec.Hooks?.CreateRuntime, state);
                break;
            case "post-restore":
                ContainerStarter.Register(container, _spec, group, notice.ScriptPid);
                break;
            case "orphan-pts-master" when file is not null:
                if (arguments.Text("console-socket") is { } socket) ContainerStarter.SendTo(socket, "/dev/ptmx", file);
                else _master = new Fd(file.Release());
                break;
        }
    }

    private Restored Finish(Container container, Cgroup group, int pid)
    {
        group.Settle();
        var pidfd = new Fd(SyscallException.Check((int)Libc.syscall(SyscallNumber.pidfd_open, pid, 0), "pidfd_open"));
        try
        {
            ContainerStarter.Register(container, _spec, group, pid);
            if (arguments.Text("pidfd-socket") is { } path) ContainerStarter.SendTo(path, "pidfd", pidfd);
            PidFile.Write(arguments.Text("pid-file"), pid);
            HookRunner.Run("poststart", _spec.Hooks?.Poststart, container.HookState("running"));
            return new Restored(container, pidfd, _master);
        }
        catch
        {
            _ = Libc.syscall(SyscallNumber.pidfd_send_signal, pidfd.Value, 9);
            Launcher.Reap(pidfd);
            pidfd.Dispose();
            throw;
        }
    }
}
