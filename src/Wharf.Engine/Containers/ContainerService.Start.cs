using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Devices;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Starts a container that does not run; NotModified when it does.</summary>
    public async Task StartAsync(string nameOrId, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        using (await container.Gate.EnterAsync(cancellation))
        {
            RequireStartable(container);
            // It starts by itself in a moment, and counts as started meanwhile, as in docker.
            if (container.State.Status == ContainerStatus.Restarting) throw new WharfException(ErrorKind.NotModified, "container already started");
            RequireStreams(container);
            await CancelRestartAsync(container);
            container.RestartDelay = TimeSpan.Zero;
            await StartHeldAsync(container, restartCount: 0);
        }
    }

    /// <summary>The container's ID; InvalidArgument where it has no use for a client's streams.</summary>
    public string RequirePassthrough(string nameOrId)
    {
        var container = _index.Get(nameOrId);
        return container.HostConfig.LogConfig?.Type == LogRules.Passthrough ? container.Id : throw WharfException.Invalid($"container {nameOrId} does not use the log driver passthrough");
    }

    private void RequireStreams(Container container)
    {
        if (container.HostConfig.LogConfig?.Type == LogRules.Passthrough && !_shim.HasStreams(container.Id))
            throw WharfException.Conflict("the log driver passthrough writes to the streams of the client that starts the container: start it with wharf run or wharf start");
    }

    private static void RequireStartable(Container container)
    {
        switch (container.State.Status)
        {
            case ContainerStatus.Paused: throw WharfException.Conflict("cannot start a paused container, try unpause instead");
            case ContainerStatus.Running: throw new WharfException(ErrorKind.NotModified, "container already started");
            case ContainerStatus.Removing or ContainerStatus.Dead: throw WharfException.Conflict("container is marked for removal and cannot be started");
        }
    }

    /// <summary>The start itself, with the container's gate held. It is not called off half way: a client that leaves gets its container started.</summary>
    private async Task StartHeldAsync(Container container, int restartCount)
    {
        await container.Cleanup;
        using var run = new RunSetup();
        ShimResponse response;
        try
        {
            var request = await PrepareStartAsync(container, run);
            response = await LaunchAsync(StartFailure, new ShimRequest { Start = request });
        }
        catch (Exception error)
        {
            await StartFailedAsync(container, run, error);
            throw;
        }
        container.Pristine = false;
        container.Network = run.Network;
        container.Move(container.State with
        {
            Status = ContainerStatus.Running, Pid = response.Pid ?? 0, StartedAt = response.StartedAt ?? DateTimeOffset.UtcNow, ExitCode = 0, Error = "",
            OomKilled = false, RestartCount = restartCount, ManuallyStopped = false,
        });
        _store.SaveState(container);
        foreach (var warning in response.Warnings ?? []) _log.StartWarning(container.Id, warning);
        Publish(container, "start");
        StartHealth(container);
    }

    /// <summary>Lets a container join another's IPC namespace that is not shareable (<c>wharf debug</c>).</summary>
    private const string DebugAnnotation = "wharf.debug";

    private const string StartFailure = "failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ";

    /// <summary>Sends a launch; its failure is told as docker's clients know it, with the part that failed in front.</summary>
    private async Task<ShimResponse> LaunchAsync(string failure, ShimRequest request)
    {
        try { return await _shim.SendAsync(request, CancellationToken.None); }
        // A log that could not be opened has docker's own words already.
        catch (ShimException error) when (error.Error is { Kind: "launch", Step: not "log" })
        {
            if (error.Error.Step == "runtime") throw new ShimException(error.Error with { Message = "failed to create task for container: failed to create shim task: OCI runtime create failed: " + error.Message });
            bool init = request.Start is not null && error.Error.ExitCode is 126 or 127;
            var told = request.Start is null ? error.Error : LaunchFailure.Counted(error.Error);
            throw new ShimException(told with { Message = failure + (init ? "error during container init: " : "") + told.Message });
        }
    }

    /// <summary>Everything a start needs, in the order in which it can fail cheaply; what is taken is noted in <paramref name="run"/>.</summary>
    private async Task<StartRequest> PrepareStartAsync(Container container, RunSetup run)
    {
        var (config, host) = (container.Config, container.HostConfig);
        if (container.Document.Path.Length == 0) throw WharfException.Invalid("no command specified");
        var user = _users.Of(container).Resolve(config.User, host.GroupAdd);
        RequireLinked(container);
        // At the start, as docker does it: a container that asks for devices can be made anywhere.
        var devices = host.DeviceRequests is { Count: > 0 } requests ? Devices().Resolve(requests) : [];
        LogProgram.RequireAllowed(host.LogConfig?.Type, _options.LogPrograms);
        await AppArmor.PrepareAsync(host);
        var defaults = container.Document.IsStep ? new ContainerDefaults() : _options.ContainerDefaults;
        var initPath = host.Init ?? defaults.Init ? defaults.InitPath ?? InitProgram.Find() : null;
        var shared = SharedMemoryOf(container);
        var namespaces = await BuildNamespacesAsync(container, run);
        var secrets = PrepareSecrets(container);
        var input = new SpecInput
        {
            Id = container.Id,
            Document = container.Document,
            Defaults = defaults,
            User = user,
            CgroupsPath = CgroupRoot.PlaceOf(container.Id, host.CgroupParent is { Length: > 0 } parent ? parent : defaults.CgroupParent, _cgroupRoot, _options.SystemdCgroup),
            Hostname = config.Hostname ?? "",
            Namespaces = namespaces,
            SharedMemory = shared,
            Mounts = [.. await PrepareMountsAsync(container, run), .. secrets.Mounts],
            LinkEnvironment = LinkedEnvironment(container),
            SecretEnvironment = [.. container.SecretEnvironment, .. secrets.Variables],
        };
        var spec = SpecBuilder.Build(input);
        CdiInjection.Apply(spec, devices);
        return new StartRequest
        {
            Id = container.Id,
            Spec = spec,
            Rootfs = [.. _snapshots.Mounts(container.Id)],
            OpenStdin = config.OpenStdin ?? false,
            StdinOnce = config.StdinOnce ?? false,
            Log = LogRules.Target(host.LogConfig, DirectoryOf(container.Id), config, LogSourceOf(container)),
            InitPath = initPath,
            Runtime = _options.Runtimes.TryGetValue(host.Runtime ?? "", out var runtime) ? [.. runtime] : null,
            SystemdCgroup = _options.SystemdCgroup,
            Dns = NamesOf(container),
        };
    }

    /// <summary>Frees what the failed start took and keeps why it failed. Cleanup errors are logged: the caller is to see the first error.</summary>
    private async Task StartFailedAsync(Container container, RunSetup run, Exception error)
    {
        if (run.NetworkTaken) await TearDownNetworkAsync(container);
        if (run.VolumesTaken) await ReleaseMountsAsync(container);
        ReleaseSecrets(container);
        int exitCode = error is ShimException { Error.ExitCode: { } code and not 0 } ? code : container.State.ExitCode is not 0 and var former ? former : 128;
        var status = container.State.Status == ContainerStatus.Restarting ? ContainerStatus.Exited : container.State.Status;
        container.Move(container.State with { Status = status, Pid = 0, ExitCode = exitCode, Error = error.Message });
        // The shim may hold remains of a launch that failed half way.
        if (error is ShimException) container.Cleanup = _background.Run("cleanup", container.Id, () => ReleaseRunAsync(container));
        if (container.HostConfig.AutoRemove == true && status == ContainerStatus.Created)
        {
            await RemoveHeldAsync(container, volumes: true);
            return;
        }
        _store.SaveState(container);
        // Who waits for the next exit goes on waiting, as with docker: there was none. One that restarted ends here.
        if (status == ContainerStatus.Exited) container.Notify(removed: false, error.Message);
    }

    /// <summary>The directory that containers of a shareable IPC namespace have in common as /dev/shm; null for none at all.</summary>
    private string? SharedMemoryOf(Container container)
    {
        var mode = container.HostConfig.IpcMode ?? "private";
        switch (mode)
        {
            case "none": return null;
            case "host": return "/dev/shm";
            case "shareable": return MakeSharedMemory(container.Id);
        }
        if (NamespaceModes.ContainerOf(mode) is not { } other) return "";
        var owner = RequireRunning(other, "IPC");
        if (owner.HostConfig.IpcMode == "host") return "/dev/shm";
        // One for debugging sees the other's queues and segments, but its /dev/shm only below /proc/1/root: that is the other's own mount.
        if (owner.HostConfig.IpcMode != "shareable" && container.HostConfig.Annotations?.ContainsKey(DebugAnnotation) == true) return "";
        if (owner.HostConfig.IpcMode != "shareable") throw WharfException.Invalid($"failed to join IPC namespace: container {owner.Id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)");
        return MakeSharedMemory(owner.Id);
    }

    /// <summary>
    /// A directory of the exec root, which is a tmpfs: mounting one per container on the host is what this engine does not do.
    /// Its size is bounded by the containers' memory limits, not by ShmSize.
    /// </summary>
    private string MakeSharedMemory(string id)
    {
        var path = Path.Combine(_options.ExecRoot, "shm", id);
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, (UnixFileMode)0x3FF);
        return path;
    }

    private Container RequireRunning(string nameOrId, string what)
    {
        var other = _index.Find(nameOrId) ?? throw new WharfException(what == "network" ? ErrorKind.Internal : ErrorKind.NotFound, $"joining {what} namespace of container: No such container: {nameOrId}");
        if (other.State.HasProcess) return other;
        if (what != "network") throw new WharfException(what == "PID" ? ErrorKind.Internal : ErrorKind.Conflict, $"failed to join {what} namespace: container {other.Id} is not running");
        throw WharfException.Conflict($"cannot join network namespace of a non running container: container {other.Name} is {ContainerTransitions.Name(other.State.Status)}");
    }
}
