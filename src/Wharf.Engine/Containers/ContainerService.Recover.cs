using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Exit code of a container that went down with the machine or its shim; docker says 255 then.</summary>
    private const int LostExitCode = 255;

    /// <summary>
    /// Takes over what a former daemon left: running containers are adopted, those that ended meanwhile get their true exit code and
    /// time, and what is half made or half removed is freed. Then restart policies are applied.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        if (Oci.DefaultAppArmorProfile.IsAvailable) _ = _background.Run("AppArmor profile", Oci.DefaultAppArmorProfile.Name, async () => await Oci.DefaultAppArmorProfile.LoadAsync());
        foreach (var container in _store.ReadAll())
        {
            _volumes.Locate(container.Document.Mounts);
            _index.Add(container);
        }
        _shim.OnEvent = OnShimEventAsync;
        _shim.OnRestarted = OnShimRestartedAsync;
        var known = await _shim.ConnectAsync(cancellation);
        var running = known.Where(entry => entry.ExecId is null).ToDictionary(entry => entry.Id, StringComparer.Ordinal);
        foreach (var container in _index.All())
        {
            running.Remove(container.Id, out var found);
            using (await container.Gate.EnterAsync(cancellation)) await ReconcileAsync(container, found, cancellation);
        }
        foreach (var entry in known) AdoptExec(entry);
        await RestoreNamesAsync();
        _recovered.SetResult();
        foreach (var stranger in running.Keys) await EndStrangerAsync(stranger);
        foreach (var container in _index.All())
            if (container.Document.IsStep) _ = _background.Run("removal of a build step", container.Id, () => RemoveAsync(container.Id, force: true, volumes: true, CancellationToken.None));
        foreach (var entry in known)
        {
            if (entry.ExecId is not null && entry.State == "exited")
                _ = _background.Run("exec cleanup", entry.Id, () => _shim.SendAsync(new ShimRequest { Delete = new DeleteRequest { Id = entry.Id, ExecId = entry.ExecId } }, CancellationToken.None));
        }
        _ = _background.Run("leftovers", "all", FreeLeftoversAsync);
        RestartAtDaemonStart();
    }

    /// <summary>Those whose namespaces others join go before these: a pod is there before its containers.</summary>
    private void RestartAtDaemonStart()
    {
        var due = _index.All().Where(container => !container.State.IsUp && RestartDecision.AppliesAtDaemonStart(container.HostConfig.RestartPolicy, container.State)).ToDictionary(container => container.Id);
        var begun = new Dictionary<string, Task>(StringComparer.Ordinal);
        foreach (var container in due.Values) Begin(container);

        Task Begin(Container container)
        {
            if (begun.TryGetValue(container.Id, out var task)) return task;
            // Should two join each other, which nothing makes, neither waits.
            begun[container.Id] = Task.CompletedTask;
            var owners = OwnersOf(container).Where(owner => due.ContainsKey(owner.Id)).Select(Begin).ToList();
            return begun[container.Id] = _background.Run("restart", container.Id, async () =>
            {
                await Task.WhenAll(owners);
                await RestartAtDaemonStartAsync(container);
            });
        }
    }

    /// <summary>The shim had died: what it looked after has ended, and what the new one found of it is brought in line.</summary>
    private Task OnShimRestartedAsync(IReadOnlyList<ShimContainer> known)
    {
        var found = known.Where(entry => entry.ExecId is null).ToDictionary(entry => entry.Id, StringComparer.Ordinal);
        foreach (var container in _index.All())
        {
            if (!container.State.HasProcess) continue;
            foreach (var exec in _execs.Values)
                if (exec.Container == container && exec.Running) EndExec(exec, LostExitCode);
            _ = _background.Run("reconciliation", container.Id, async () =>
            {
                using (await container.Gate.EnterAsync(CancellationToken.None))
                    if (container.State.HasProcess) await ReconcileAsync(container, found.GetValueOrDefault(container.Id), CancellationToken.None);
            });
        }
        return Task.CompletedTask;
    }

    /// <summary>Lets background work end. Containers run on.</summary>
    public Task StopServiceAsync(CancellationToken cancellation)
    {
        foreach (var container in _index.All())
        {
            StopHealth(container);
            container.PendingRestart?.Cancel();
        }
        return _background.WhenIdleAsync(cancellation);
    }

    private async Task ReconcileAsync(Container container, ShimContainer? found, CancellationToken cancellation)
    {
        var state = container.State;
        switch (found?.State)
        {
            case "running" or "paused":
                await AdoptAsync(container, found, cancellation);
                break;
            case "exited" when state.HasProcess || state.Status is ContainerStatus.Restarting || IsNewerRun(found, state):
                _log.FoundExited(container.Id, found.ExitCode);
                AsRunning(container, found);
                NoteDropped(container, found.DroppedLines);
                await FinishRunAsync(container, found.ExitCode, found.OomKilled, found.ExitedAt ?? DateTimeOffset.UtcNow, found.Error);
                break;
            case "exited":
                container.Cleanup = _background.Run("cleanup", container.Id, () => ReleaseRunAsync(container));
                break;
            default:
                await ReconcileGoneAsync(container);
                break;
        }
    }

    /// <summary>The shim has nothing of it: fine for one that does not run, the end of one that did.</summary>
    private async Task ReconcileGoneAsync(Container container)
    {
        var state = container.State;
        if (state.HasProcess)
        {
            _log.FoundLost(container.Id);
            await FinishRunAsync(container, LostExitCode, oomKilled: false, DateTimeOffset.UtcNow, "the container ended with the machine or the process that looked after it");
        }
        else if (state.Status == ContainerStatus.Restarting)
        {
            // The wait between two runs was in the old daemon's memory; it begins anew.
            ScheduleRestart(container, TimeSpan.Zero);
        }
        else if (container.HostConfig.AutoRemove == true && state.Status == ContainerStatus.Exited)
        {
            await RemoveHeldAsync(container, volumes: true);
        }
    }

    private async Task AdoptAsync(Container container, ShimContainer found, CancellationToken cancellation)
    {
        AsRunning(container, found);
        AdoptMounts(container);
        if (container.Network is not null) await _networks.AdoptAsync(container.Id, cancellation);
        StartHealth(container, goOn: true);
    }

    /// <summary>Makes the record say what the shim says: a daemon killed between the start and its note left an older state.</summary>
    private void AsRunning(Container container, ShimContainer found)
    {
        var status = found.State == "paused" ? ContainerStatus.Paused : ContainerStatus.Running;
        var state = container.State;
        if (state.Status == status && state.Pid == found.Pid) return;
        if (status == ContainerStatus.Paused && !state.HasProcess) container.Move(state with { Status = ContainerStatus.Running });
        container.Move(container.State with { Status = status, Pid = found.Pid, StartedAt = found.StartedAt });
        _store.SaveState(container);
    }

    private static bool IsNewerRun(ShimContainer found, RunState state) => state.StartedAt is null || found.StartedAt > state.StartedAt;

    private async Task RestartAtDaemonStartAsync(Container container)
    {
        using (await container.Gate.EnterAsync(CancellationToken.None))
        {
            if (!container.State.IsUp) await StartHeldAsync(container, restartCount: 0);
        }
    }

    /// <summary>A process of a container whose record is gone: its removal was under way when the daemon died.</summary>
    private async Task EndStrangerAsync(string id)
    {
        _log.UnknownInShim(id);
        await _shim.SendAsync(new ShimRequest { Delete = new DeleteRequest { Id = id } }, CancellationToken.None);
        await _networks.TearDownAsync(id, CancellationToken.None);
    }

    private async Task FreeLeftoversAsync()
    {
        var root = Path.Combine(_options.DataRoot, "containers");
        if (!Directory.Exists(root)) return;
        foreach (var path in Directory.EnumerateDirectories(root))
        {
            var id = Path.GetFileName(path);
            // One made since the start has its directory before it is listed; such a directory is young.
            if (_index.Find(id) is not null || Directory.GetCreationTimeUtc(path) > _startedAt) continue;
            _log.FreedLeftover(id);
            await FreeFilesAsync(id);
        }
    }

    private readonly DateTime _startedAt = DateTime.UtcNow;

    /// <summary>Events wait for this: what the shim listed must be taken in before what happened after the list.</summary>
    private readonly TaskCompletionSource _recovered = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
