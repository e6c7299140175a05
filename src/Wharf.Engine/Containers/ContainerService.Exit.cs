using System.Globalization;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>
    /// Events of the shim, in order. What needs a container's gate goes on beside, so that one container that is held cannot stop
    /// the events of the others.
    /// </summary>
    private async Task OnShimEventAsync(ShimEvent happened)
    {
        await _recovered.Task;
        if (_index.Find(happened.Id) is not { } container) return;
        if (happened.ExecId is { } execId)
        {
            OnExecExited(container, execId, happened);
        }
        else if (happened.Type == "oom")
        {
            Publish(container, "oom");
            _ = _background.Run("oom", container.Id, () => NoteOomAsync(container));
        }
        else if (happened.Type == "exit")
        {
            _ = _background.Run("exit", container.Id, () => OnExitAsync(container, happened));
        }
    }

    private async Task OnExitAsync(Container container, ShimEvent happened)
    {
        using (await container.Gate.EnterAsync(CancellationToken.None))
        {
            // Another run's exit: what is told now has been seen already.
            if (!container.State.HasProcess || (happened.Pid != 0 && container.State.Pid != happened.Pid)) return;
            NoteDropped(container, happened.DroppedLines);
            await FinishRunAsync(container, happened.ExitCode, happened.OomKilled, happened.At, happened.Error);
        }
    }

    /// <summary>A process of the container was killed; the container itself may run on, and says so in its state from then on.</summary>
    private async Task NoteOomAsync(Container container)
    {
        using (await container.Gate.EnterAsync(CancellationToken.None))
        {
            if (!container.State.HasProcess || container.State.OomKilled) return;
            container.Amend(container.State with { OomKilled = true });
            _store.SaveState(container);
        }
    }

    /// <summary>A run has ended: network, state, <c>die</c>, those who wait, and what the restart policy or AutoRemove want next. The gate is held.</summary>
    private async Task FinishRunAsync(Container container, int exitCode, bool oomKilled, DateTimeOffset at, string? error = null)
    {
        StopHealth(container);
        if (container.Network is not null) await TearDownNetworkAsync(container);
        ReleaseSecrets(container);
        var state = container.State;
        var ran = at - (state.StartedAt ?? at);
        bool restart = RestartDecision.Applies(container.HostConfig.RestartPolicy, exitCode, state.RestartCount, state.ManuallyStopped);
        bool remove = !restart && container.HostConfig.AutoRemove == true;
        container.Network = null;
        ForgetUnstartedExecs(container.Id);
        container.Move(state with
        {
            Status = restart ? ContainerStatus.Restarting : ContainerStatus.Exited, Pid = 0, ExitCode = exitCode, OomKilled = oomKilled || state.OomKilled, FinishedAt = at, Error = error ?? state.Error,
            RestartCount = restart ? state.RestartCount + 1 : state.RestartCount,
        });
        if (!remove) _store.SaveState(container);
        Publish(container, "die", ("exitCode", Number(exitCode)), ("execDuration", Number((long)ran.TotalSeconds)));
        container.Cleanup = _background.Run("cleanup", container.Id, () => ReleaseRunAsync(container));
        container.Notify(removed: false);
        if (restart) ScheduleRestart(container, ran);
        else if (remove) await RemoveHeldAsync(container, volumes: true);
    }

    /// <summary>Frees what a run leaves: the shim's record and the cgroup, mounts of volumes.</summary>
    private async Task ReleaseRunAsync(Container container)
    {
        await _shim.SendAsync(new ShimRequest { Delete = new DeleteRequest { Id = container.Id } }, CancellationToken.None);
        await ReleaseMountsAsync(container);
    }

    private void ScheduleRestart(Container container, TimeSpan ran)
    {
        container.RestartDelay = RestartDecision.Next(container.RestartDelay, ran);
        var pending = container.PendingRestart = new CancellationTokenSource();
        _ = _background.Run("restart", container.Id, () => RestartLaterAsync(container, container.RestartDelay, pending));
    }

    private async Task RestartLaterAsync(Container container, TimeSpan delay, CancellationTokenSource pending)
    {
        await Task.Delay(delay, pending.Token);
        // At a daemon's start others may still be taken for running that are not.
        await _recovered.Task;
        using (await container.Gate.EnterAsync(CancellationToken.None))
        {
            if (pending.IsCancellationRequested || container.State.Status != ContainerStatus.Restarting) return;
            container.PendingRestart = null;
            pending.Dispose();
            if (OwnersOf(container).Any(IsReturning))
            {
                ScheduleRestart(container, TimeSpan.Zero);
                return;
            }
            try
            {
                await StartHeldAsync(container, container.State.RestartCount);
            }
            catch (Exception error) when (error is WharfException or Shims.ShimException or IOException)
            {
                // The start has noted the error in the container's state; there is no client to tell.
                _log.RestartFailed(container.Id, error);
            }
        }
    }

    /// <summary>Those whose namespaces it joins.</summary>
    private IEnumerable<Container> OwnersOf(Container container) =>
        new[] { container.HostConfig.NetworkMode, container.HostConfig.IpcMode, container.HostConfig.PidMode }.Select(NamespaceModes.ContainerOf).OfType<string>().Distinct()
            .Select(_index.Find).OfType<Container>().Where(owner => owner != container);

    /// <summary>It has ended, and its own restart policy will start it again.</summary>
    private static bool IsReturning(Container container) => container.State is { HasProcess: false } state
        && (state.Status == ContainerStatus.Restarting || (state.StartedAt is not null && RestartDecision.Applies(container.HostConfig.RestartPolicy, state.ExitCode, state.RestartCount, state.ManuallyStopped)));

    /// <summary>Calls off a restart that was to come; the gate is held.</summary>
    private static async Task CancelRestartAsync(Container container)
    {
        if (container.PendingRestart is not { } pending) return;
        container.PendingRestart = null;
        await pending.CancelAsync();
        pending.Dispose();
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
