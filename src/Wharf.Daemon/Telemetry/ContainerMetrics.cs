using Wharf.Engine.Containers;
using Wharf.Specs.DockerApi;

namespace Wharf.Daemon.Telemetry;

/// <summary>What each running container uses, in the names and labels of cAdvisor, which dashboards know.</summary>
internal static class ContainerMetrics
{
    private sealed record Figure(string Name, string Type, string Help, Func<ContainerStatsResponse, double?> Read);

    private static readonly Figure[] Figures =
    [
        new("container_cpu_usage_seconds_total", "counter", "Processor time used in seconds", stats => stats.CpuStats?.CpuUsage?.TotalUsage / 1e9),
        new("container_cpu_user_seconds_total", "counter", "Processor time used by programs in seconds", stats => stats.CpuStats?.CpuUsage?.UsageInUsermode / 1e9),
        new("container_cpu_system_seconds_total", "counter", "Processor time used by the kernel in seconds", stats => stats.CpuStats?.CpuUsage?.UsageInKernelmode / 1e9),
        new("container_cpu_cfs_throttled_periods_total", "counter", "Periods in which the processor was withheld", stats => stats.CpuStats?.ThrottlingData?.ThrottledPeriods),
        new("container_memory_usage_bytes", "gauge", "Memory in use, caches of files included", stats => stats.MemoryStats?.Usage),
        new("container_memory_working_set_bytes", "gauge", "Memory in use without caches that can be dropped", WorkingSet),
        new("container_spec_memory_limit_bytes", "gauge", "Limit of memory", stats => stats.MemoryStats?.Limit),
        new("container_memory_failcnt", "counter", "Times that memory was at its limit", stats => stats.MemoryStats?.Failcnt),
        new("container_processes", "gauge", "Number of processes and threads", stats => stats.PidsStats?.Current),
        new("container_fs_reads_bytes_total", "counter", "Bytes read from disks", stats => Bytes(stats, "read")),
        new("container_fs_writes_bytes_total", "counter", "Bytes written to disks", stats => Bytes(stats, "write")),
    ];

    private sealed record NetworkFigure(string Name, string Help, Func<ContainerNetworkStats, double?> Read);

    private static readonly NetworkFigure[] NetworkFigures =
    [
        new("container_network_receive_bytes_total", "Bytes received", stats => stats.RxBytes),
        new("container_network_receive_packets_total", "Packets received", stats => stats.RxPackets),
        new("container_network_receive_errors_total", "Packets received with errors", stats => stats.RxErrors),
        new("container_network_receive_packets_dropped_total", "Packets received and dropped", stats => stats.RxDropped),
        new("container_network_transmit_bytes_total", "Bytes sent", stats => stats.TxBytes),
        new("container_network_transmit_packets_total", "Packets sent", stats => stats.TxPackets),
        new("container_network_transmit_errors_total", "Packets not sent for errors", stats => stats.TxErrors),
        new("container_network_transmit_packets_dropped_total", "Packets to be sent and dropped", stats => stats.TxDropped),
    ];

    public static void Write(MetricsPage page, IReadOnlyList<ContainerUse> containers)
    {
        var labelled = containers.Select(one => (Labels: $"id=\"{one.Stats.Id}\",image=\"{MetricsPage.Escape(one.Image)}\",name=\"{MetricsPage.Escape(one.Stats.Name?.TrimStart('/') ?? "")}\"", one.Stats, one.StartedAt)).ToList();
        foreach (var figure in Figures)
        {
            page.Head(figure.Name, figure.Type, figure.Help);
            foreach (var (labels, stats, _) in labelled)
                if (figure.Read(stats) is { } value) page.Line(figure.Name, labels, value);
        }
        page.Head("container_start_time_seconds", "gauge", "Start time since the Unix epoch in seconds");
        foreach (var (labels, _, startedAt) in labelled) page.Line("container_start_time_seconds", labels, startedAt.ToUnixTimeMilliseconds() / 1e3);
        foreach (var figure in NetworkFigures)
        {
            page.Head(figure.Name, "counter", figure.Help);
            foreach (var (labels, stats, _) in labelled)
                foreach (var (name, network) in stats.Networks ?? [])
                    if (figure.Read(network) is { } value) page.Line(figure.Name, $"{labels},interface=\"{MetricsPage.Escape(name)}\"", value);
        }
    }

    private static double? WorkingSet(ContainerStatsResponse stats)
    {
        if (stats.MemoryStats is not { Usage: { } usage } memory) return null;
        var cache = memory.Stats?.GetValueOrDefault("total_inactive_file", memory.Stats.GetValueOrDefault("inactive_file")) ?? 0;
        return usage > cache ? usage - cache : 0;
    }

    private static double? Bytes(ContainerStatsResponse stats, string operation) =>
        stats.BlkioStats?.IoServiceBytesRecursive?.Where(entry => string.Equals(entry.Op, operation, StringComparison.OrdinalIgnoreCase)).Sum(entry => (double)(entry.Value ?? 0));
}
