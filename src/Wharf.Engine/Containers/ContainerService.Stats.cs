using System.Runtime.CompilerServices;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>A sample of what a container uses, with the image's name and the time of its start.</summary>
public sealed record ContainerUse(ContainerStatsResponse Stats, string Image, DateTimeOffset StartedAt);

public sealed partial class ContainerService
{
    private static readonly TimeSpan StatsInterval = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Samples of a container's use, one a second. Not streamed, it is one sample: with the processor's use of a second before, or
    /// with <paramref name="oneShot"/> at once and without. Of a container that does not run the sample is empty.
    /// </summary>
    public async IAsyncEnumerable<ContainerStatsResponse> StatsAsync(string nameOrId, bool stream, bool oneShot, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        if (!stream && !oneShot && container.State.HasProcess)
        {
            var before = ContainerStatistics.Read(container, (ulong)_host.MemoryBytes);
            await Task.Delay(StatsInterval, cancellation);
            yield return Follow(before, ContainerStatistics.Read(container, (ulong)_host.MemoryBytes));
            yield break;
        }
        ContainerStatsResponse? previous = null;
        while (true)
        {
            var sample = ContainerStatistics.Read(container, (ulong)_host.MemoryBytes);
            yield return previous is null ? sample : Follow(previous, sample);
            if (!stream) yield break;
            previous = sample;
            await Task.Delay(StatsInterval, cancellation);
            if (container.State.Status == ContainerStatus.Removing) yield break;
        }
    }

    /// <summary>What each running container uses now.</summary>
    public IReadOnlyList<ContainerUse> Uses() =>
        [.. _index.All().Where(static container => container.State.HasProcess).OrderBy(static container => container.Name, StringComparer.Ordinal)
            .Select(container => new ContainerUse(ContainerStatistics.Read(container, (ulong)_host.MemoryBytes), container.Config.Image ?? "", container.State.StartedAt ?? DateTimeOffset.UnixEpoch))];

    private static ContainerStatsResponse Follow(ContainerStatsResponse previous, ContainerStatsResponse sample) =>
        sample with { PrecpuStats = previous.CpuStats, Preread = previous.Read };

    /// <summary>What the writable layer changed; null for nothing, as docker has it.</summary>
    public List<FilesystemChange>? Changes(string nameOrId)
    {
        if (nameOrId.Length == 0) throw WharfException.Invalid("container name cannot be empty");
        var changes = _snapshots.Changes(_index.Get(nameOrId).Id);
        return changes.Count == 0 ? null : changes;
    }
}
