using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>One sample of a container with the figures docker derives from it.</summary>
internal sealed record StatsRow(string Container, ContainerStatsResponse Stats)
{
    /// <summary>Share of the machine's CPU time since the sample before, where 100 is one whole CPU.</summary>
    public double CpuPercent
    {
        get
        {
            double used = (double)(Stats.CpuStats?.CpuUsage?.TotalUsage ?? 0) - (Stats.PrecpuStats?.CpuUsage?.TotalUsage ?? 0);
            double system = (double)(Stats.CpuStats?.SystemCpuUsage ?? 0) - (Stats.PrecpuStats?.SystemCpuUsage ?? 0);
            double cpus = Stats.CpuStats?.OnlineCpus ?? 0;
            if (cpus == 0) cpus = Stats.CpuStats?.CpuUsage?.PercpuUsage?.Count ?? 0;
            return used > 0 && system > 0 ? used / system * cpus * 100 : 0;
        }
    }

    /// <summary>Without the page cache that can be dropped: <c>total_inactive_file</c> on cgroup v1, <c>inactive_file</c> on v2.</summary>
    public double MemoryUsed
    {
        get
        {
            var usage = Stats.MemoryStats?.Usage ?? 0;
            var details = Stats.MemoryStats?.Stats ?? [];
            if (details.TryGetValue("total_inactive_file", out var cache) && cache < usage) return usage - cache;
            return details.TryGetValue("inactive_file", out cache) && cache < usage ? usage - cache : usage;
        }
    }

    public double MemoryLimit => Stats.MemoryStats?.Limit ?? 0;
    public double NetworkReceived => (Stats.Networks ?? []).Values.Sum(network => (double)(network.RxBytes ?? 0));
    public double NetworkSent => (Stats.Networks ?? []).Values.Sum(network => (double)(network.TxBytes ?? 0));
    public double BlockRead => Block('r');
    public double BlockWritten => Block('w');

    private double Block(char kind) => (Stats.BlkioStats?.IoServiceBytesRecursive ?? []).Where(entry => entry.Op is { Length: > 0 } op && char.ToLowerInvariant(op[0]) == kind).Sum(entry => (double)(entry.Value ?? 0));
}
