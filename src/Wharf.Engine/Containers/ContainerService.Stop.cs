using Wharf.Engine.Shims;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>How long a killed process may take to be gone; longer means that it hangs in the kernel.</summary>
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    /// <summary>Asks a container to end, and kills it after <paramref name="seconds"/> (negative: never). NotModified when it does not run.</summary>
    public async Task StopAsync(string nameOrId, string? signal, int? seconds, CancellationToken cancellation)
    {
        var container = await SettledAsync(nameOrId, cancellation);
        if (!container.State.IsUp) throw new WharfException(ErrorKind.NotModified, "container already stopped");
        await StopOneAsync(container, SignalFor(container, signal, $"cannot stop container: {nameOrId}"), seconds, cancellation);
    }

    /// <summary>
    /// The container; one that has no process only when the verb under way is done. Who stops what is just being started means what comes
    /// of that: to be told that it does not run would leave it running for good.
    /// </summary>
    private async Task<Container> SettledAsync(string nameOrId, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        if (!container.State.HasProcess) await SettleAsync(container, cancellation);
        return container;
    }

    private static async Task SettleAsync(Container container, CancellationToken cancellation)
    {
        using (await container.Gate.EnterAsync(cancellation)) { }
    }

    private static int SignalFor(Container container, string? signal, string failure)
    {
        if (string.IsNullOrEmpty(signal)) return StopSignalOf(container);
        try { return Signals.Parse(signal); }
        // docker tells this one as an error of its own (500 there; it is the client's mistake).
        catch (WharfException error) { throw WharfException.Invalid($"{failure}: {error.Message}", error); }
    }

    /// <summary>Stops it if it runs, and starts it.</summary>
    public async Task RestartAsync(string nameOrId, string? signal, int? seconds, CancellationToken cancellation)
    {
        var container = await SettledAsync(nameOrId, cancellation);
        int number = SignalFor(container, signal, $"Cannot restart container {nameOrId}");
        RequireStreams(container);
        // AutoRemove means: when it ends by itself. A restart is not its end.
        var host = container.HostConfig;
        bool autoRemove = host.AutoRemove == true;
        if (autoRemove) container.Document = container.Document with { HostConfig = host with { AutoRemove = false } };
        try
        {
            if (container.State.IsUp) await StopOneAsync(container, number, seconds, cancellation);
        }
        finally
        {
            if (autoRemove) container.Document = container.Document with { HostConfig = host };
        }
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (container.State.Status != ContainerStatus.Running)
            {
                RequireStartable(container);
                await CancelRestartAsync(container);
                try { await StartHeldAsync(container, restartCount: 0); }
                catch (WharfException error) { throw new WharfException(ErrorKind.Internal, $"Cannot restart container {nameOrId}: {error.Message}", error); }
                catch (ShimException error) { throw new ShimException(error.Error with { Message = $"Cannot restart container {nameOrId}: {error.Message}" }); }
            }
        }
        Publish(container, "restart");
    }

    private async Task StopOneAsync(Container container, int signal, int? seconds, CancellationToken cancellation)
    {
        if (await BeginStopAsync(container, signal, cancellation) is { } exit)
        {
            long grace = seconds ?? container.Config.StopTimeout ?? _options.DefaultStopTimeout;
            if (!await EndsWithinAsync(exit, grace < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(grace), cancellation)) await KillAndWaitAsync(container, exit, cancellation);
        }
        Publish(container, "stop");
    }

    /// <summary>Sends the first signal and gives the task of the exit; null when no process was there to end.</summary>
    private async Task<Task<ContainerWaitResponse>?> BeginStopAsync(Container container, int signal, CancellationToken cancellation)
    {
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (!container.State.HasProcess)
            {
                await EndRestartingAsync(container);
                return null;
            }
            container.Move(container.State with { ManuallyStopped = true });
            _store.SaveState(container);
            var exit = container.NextAsync(removed: false);
            await SignalAsync(container, signal);
            // A frozen process would never see it.
            if (container.State.Status == ContainerStatus.Paused) await ThawAsync(container);
            return exit;
        }
    }

    /// <summary>There is no process, only the wait for the next start: that is over. The gate is held.</summary>
    private async Task EndRestartingAsync(Container container)
    {
        await CancelRestartAsync(container);
        if (container.State.Status != ContainerStatus.Restarting) return;
        container.Move(container.State with { Status = ContainerStatus.Exited, ManuallyStopped = true });
        _store.SaveState(container);
    }

    private async Task KillAndWaitAsync(Container container, Task<ContainerWaitResponse> exit, CancellationToken cancellation)
    {
        if (!exit.IsCompleted) await SignalAsync(container, Signals.SIGKILL);
        if (!await EndsWithinAsync(exit, KillPatience, cancellation))
            throw new WharfException(ErrorKind.Internal, $"container {container.Id} PID {container.State.Pid} is zombie and can not be killed. Use the --init option when creating containers to run an init inside the container that forwards signals and reaps processes");
    }

    private static async Task<bool> EndsWithinAsync(Task exit, TimeSpan time, CancellationToken cancellation)
    {
        try
        {
            await exit.WaitAsync(time, cancellation);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Sends a signal (name or number, KILL by default) to a running container; after KILL it is gone.</summary>
    public async Task KillAsync(string nameOrId, string? signal, CancellationToken cancellation)
    {
        try
        {
            int number = string.IsNullOrEmpty(signal) ? Signals.SIGKILL : ParseSignal(signal);
            var container = _index.Get(nameOrId);
            await KillOneAsync(container, number, cancellation);
        }
        catch (WharfException error)
        {
            throw new WharfException(error.Kind, $"cannot kill container: {nameOrId}: {error.Message}", error);
        }
    }

    private static int ParseSignal(string text)
    {
        int number = Signals.ParseAny(text);
        return Signals.IsKnown(number) ? number : throw WharfException.Invalid($"the linux daemon does not support signal {number}");
    }

    private async Task KillOneAsync(Container container, int signal, CancellationToken cancellation)
    {
        Task<ContainerWaitResponse>? exit = null;
        using (await container.Gate.EnterAsync(cancellation))
        {
            bool ends = signal == Signals.SIGKILL || signal == StopSignalOf(container);
            if (container.State.Status == ContainerStatus.Restarting && ends)
            {
                await EndRestartingAsync(container);
                return;
            }
            if (!container.State.HasProcess) throw NotRunning(container);
            if (ends && !container.State.ManuallyStopped)
            {
                container.Move(container.State with { ManuallyStopped = true });
                _store.SaveState(container);
            }
            if (signal == Signals.SIGKILL) exit = container.NextAsync(removed: false);
            await SignalAsync(container, signal);
            if (ends && container.State.Status == ContainerStatus.Paused) await ThawAsync(container);
        }
        if (exit is not null && !await EndsWithinAsync(exit, KillPatience, cancellation))
            throw new WharfException(ErrorKind.Internal, $"tried to kill container, but did not receive an exit event");
    }

    private async Task SignalAsync(Container container, int signal)
    {
        try
        {
            await _shim.SendAsync(new ShimRequest { Signal = new SignalRequest { Id = container.Id, Signal = signal } }, CancellationToken.None);
        }
        catch (ShimException error) when (error.Error.Errno == Errno.ESRCH || error.Error.Kind == "not-found")
        {
            // It has just ended by itself; its exit is on the way.
        }
        Publish(container, "kill", ("signal", Number(signal)));
    }

    private static int StopSignalOf(Container container) =>
        container.Config.StopSignal is { Length: > 0 } signal ? Signals.Parse(signal) : Signals.SIGTERM;

    private static WharfException NotRunning(Container container) => WharfException.Conflict($"container {container.Id} is not running");
}
