using System.Globalization;
using System.Text.Json;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    private string HealthPathOf(Container container) => Path.Combine(DirectoryOf(container.Id), "health.json");

    /// <summary>Begins to probe; <paramref name="goOn"/> takes up what a former daemon knew of this run.</summary>
    private void StartHealth(Container container, bool goOn = false)
    {
        var config = container.Config.Healthcheck;
        if (NativeProbe.Parse(config?.Test) is null && HealthMonitor.Command(config, container.Config.Shell) is null)
        {
            container.Health = null;
            return;
        }
        var known = goOn && File.Exists(HealthPathOf(container)) ? JsonSerializer.Deserialize(File.ReadAllBytes(HealthPathOf(container)), HealthRecordJson.Default.HealthRecord) : null;
        var monitor = container.Health = new HealthMonitor(config!, container.State.StartedAt ?? DateTimeOffset.UtcNow, StartupCheck.Of(container.HostConfig, container.Config), known);
        SaveHealth(container, monitor);
        _ = _background.Run("health", container.Id, () => ProbeLoopAsync(container, monitor, monitor.Stopped.Token));
    }

    private static void StopHealth(Container container) => container.Health?.Stopped.Cancel();

    /// <summary>Runs a container's check now and takes the result in. Conflict when it has none, or does not run.</summary>
    public async Task<HealthcheckResult> CheckHealthAsync(string nameOrId, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        RequireExecutable(container, nameOrId);
        if (container.Health is not { } monitor) throw WharfException.Conflict($"container {nameOrId} has no health check");
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, monitor.Stopped.Token);
        try { return HealthMonitor.ToApi(await CheckOnceAsync(container, monitor, either.Token)); }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested) { throw NotRunning(container); }
    }

    private async Task ProbeLoopAsync(Container container, HealthMonitor monitor, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(monitor.Pause(DateTimeOffset.UtcNow), cancellation);
            // A frozen container cannot answer, which is not its fault.
            if (container.State.Status != ContainerStatus.Running) continue;
            try
            {
                await CheckOnceAsync(container, monitor, cancellation);
            }
            catch (WharfException error) when (error.Kind == ErrorKind.Conflict)
            {
                continue; // paused or ended since it was looked at
            }
        }
    }

    /// <summary>The check whose turn it is, and what follows from it.</summary>
    private async Task<ProbeResult> CheckOnceAsync(Container container, HealthMonitor monitor, CancellationToken cancellation)
    {
        var startup = monitor.Startup;
        var config = startup?.Config ?? container.Config.Healthcheck;
        var result = NativeProbe.Parse(config?.Test) is { } probe
            ? await ProbeNativelyAsync(container, monitor, probe, cancellation)
            : await ProbeAsync(container, monitor, HealthMonitor.Command(config, container.Config.Shell)!, cancellation);
        cancellation.ThrowIfCancellationRequested();
        if (startup is not null)
        {
            bool hasFailed = monitor.AddStartup(result);
            SaveHealth(container, monitor);
            // No user did it: the restart policy decides what comes next.
            if (hasFailed) _ = _background.Run("end of a failed startup", container.Id, () => SignalAsync(container, Signals.SIGKILL));
            return result;
        }
        var status = monitor.Add(result);
        SaveHealth(container, monitor);
        if (status is null) return result;
        Publish(container, $"health_status: {status}");
        if (status == "unhealthy") Act(container);
        return result;
    }

    /// <summary>So that a later daemon goes on where this one was.</summary>
    private void SaveHealth(Container container, HealthMonitor monitor)
    {
        var path = HealthPathOf(container);
        // A check run by hand may end as the regular one does; and one that an update took the place of, as the new one begins.
        lock (container.HealthSaving)
        {
            if (container.Health != monitor) return;
            File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(monitor.Record(), HealthRecordJson.Default.HealthRecord));
            File.Move(path + ".new", path, overwrite: true);
        }
    }

    /// <summary>Does what is to be done with an unhealthy container. Not in the probe's own loop, which ends with the container.</summary>
    private void Act(Container container)
    {
        var action = UnhealthyAction.Of(container.HostConfig, container.Config);
        if (action == "none") return;
        _ = _background.Run("action on unhealthy", container.Id, () => action switch
        {
            "restart" => RestartAsync(container.Id, null, null, CancellationToken.None),
            "stop" => StopAsync(container.Id, null, null, CancellationToken.None),
            // No user did it: the restart policy decides what comes next.
            _ => SignalAsync(container, Signals.SIGKILL),
        });
    }

    private static async Task<ProbeResult> ProbeNativelyAsync(Container container, HealthMonitor monitor, NativeProbe probe, CancellationToken cancellation)
    {
        var start = DateTimeOffset.UtcNow;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(monitor.Timeout);
        try
        {
            var (exitCode, output) = await probe.RunAsync(container.State.Pid, limit.Token);
            return new ProbeResult(start, DateTimeOffset.UtcNow, exitCode, output);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new ProbeResult(start, DateTimeOffset.UtcNow, -1, TimeoutText(monitor.Timeout, ""));
        }
    }

    /// <summary>One probe: an exec with its output, ended when it takes too long.</summary>
    private async Task<ProbeResult> ProbeAsync(Container container, HealthMonitor monitor, List<string> command, CancellationToken cancellation)
    {
        var start = DateTimeOffset.UtcNow;
        try
        {
            var execId = await CreateExecAsync(container.Id, new ExecConfig { Cmd = command, AttachStdout = true, AttachStderr = true }, cancellation);
            BeginExec(execId);
            await using var streams = await StartExecAsync(execId, attach: true, null, cancellation);
            var output = new ProbeOutput();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(monitor.Timeout);
            try
            {
                await output.ReadAsync(streams!, limit.Token);
                int exitCode = await WaitExecAsync(execId, limit.Token);
                return new ProbeResult(start, DateTimeOffset.UtcNow, exitCode, output.ToString());
            }
            catch (OperationCanceledException)
            {
                // Out of time, or the container is being stopped: the probe and what it has started are not left behind.
                await _shim.SendAsync(new ShimRequest { Signal = new SignalRequest { Id = container.Id, ExecId = execId, Signal = Signals.SIGKILL } }, CancellationToken.None);
                cancellation.ThrowIfCancellationRequested();
                await WaitExecAsync(execId, cancellation);
                return new ProbeResult(start, DateTimeOffset.UtcNow, -1, TimeoutText(monitor.Timeout, output.ToString()));
            }
        }
        catch (ShimException error)
        {
            return new ProbeResult(start, DateTimeOffset.UtcNow, error.Error.ExitCode ?? -1, error.Message);
        }
    }

    private static string TimeoutText(TimeSpan timeout, string output) => $"Health check exceeded timeout ({GoDuration(timeout)})" + (output.Length > 0 ? $": {output}" : "");

    /// <summary>A duration as Go prints it: 500ms, 1.5s, 1m0s.</summary>
    internal static string GoDuration(TimeSpan time)
    {
        string Text(double value) => value.ToString("0.#########", CultureInfo.InvariantCulture);
        if (time < TimeSpan.FromSeconds(1)) return Text(time.TotalMilliseconds) + "ms";
        var text = Text(time.TotalSeconds % 60) + "s";
        if (time < TimeSpan.FromMinutes(1)) return text;
        text = string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}m{text}");
        return time < TimeSpan.FromHours(1) ? text : string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}h{text}");
    }
}
