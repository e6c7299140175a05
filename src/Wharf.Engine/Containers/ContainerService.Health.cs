using System.Buffers.Binary;
using System.Text;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>How much of a probe's output is kept.</summary>
    private const int MaxProbeOutput = 4096;

    private void StartHealth(Container container)
    {
        var command = HealthMonitor.Command(container.Config.Healthcheck, container.Config.Shell);
        if (command is null)
        {
            container.Health = null;
            return;
        }
        var monitor = container.Health = new HealthMonitor(container.Config.Healthcheck!, container.State.StartedAt ?? DateTimeOffset.UtcNow);
        _ = _background.Run("health", container.Id, () => ProbeLoopAsync(container, monitor, command, monitor.Stopped.Token));
    }

    private static void StopHealth(Container container) => container.Health?.Stopped.Cancel();

    private async Task ProbeLoopAsync(Container container, HealthMonitor monitor, List<string> command, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(monitor.Pause(DateTimeOffset.UtcNow), cancellation);
            // A frozen container cannot answer, which is not its fault.
            if (container.State.Status != ContainerStatus.Running) continue;
            var result = await ProbeAsync(container, monitor, command, cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (monitor.Add(result) is { } status) Publish(container, $"health_status: {status}");
        }
    }

    /// <summary>One probe: an exec with its output, ended when it takes too long.</summary>
    private async Task<ProbeResult> ProbeAsync(Container container, HealthMonitor monitor, List<string> command, CancellationToken cancellation)
    {
        var start = DateTimeOffset.UtcNow;
        try
        {
            var execId = CreateExec(container.Id, new ExecConfig { Cmd = command, AttachStdout = true, AttachStderr = true });
            await using var streams = await StartExecAsync(execId, attach: true, null, cancellation);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(monitor.Timeout);
            try
            {
                var output = await ReadProbeAsync(streams!, limit.Token);
                int exitCode = await WaitExecAsync(execId, limit.Token);
                return new ProbeResult(start, DateTimeOffset.UtcNow, exitCode, output);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                await _shim.SendAsync(new ShimRequest { Signal = new SignalRequest { Id = container.Id, ExecId = execId, Signal = Signals.SIGKILL } }, CancellationToken.None);
                return new ProbeResult(start, DateTimeOffset.UtcNow, -1, $"Health check exceeded timeout ({monitor.Timeout.TotalSeconds}s)");
            }
        }
        catch (ShimException error)
        {
            return new ProbeResult(start, DateTimeOffset.UtcNow, error.Error.ExitCode ?? -1, error.Message);
        }
    }

    /// <summary>What the probe writes, both streams together, without the frames' headers; the rest is read and dropped.</summary>
    private static async Task<string> ReadProbeAsync(Stream streams, CancellationToken cancellation)
    {
        var header = new byte[8];
        var buffer = new byte[4096];
        using var kept = new MemoryStream();
        while (await streams.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellation) == header.Length)
        {
            for (int left = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)); left > 0;)
            {
                int count = await streams.ReadAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)), cancellation);
                if (count == 0) break;
                left -= count;
                kept.Write(buffer, 0, Math.Min(count, MaxProbeOutput - (int)kept.Length));
            }
        }
        return Encoding.UTF8.GetString(kept.GetBuffer(), 0, (int)kept.Length);
    }
}
