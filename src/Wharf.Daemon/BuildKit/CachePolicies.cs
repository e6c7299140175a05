using Wharf.BuildKit.Protocol.Workers;
using Wharf.Engine.Build.Caching;

namespace Wharf.Daemon.BuildKit;

/// <summary>How the cache is kept small, as clients show it.</summary>
internal static class CachePolicies
{
    public static IEnumerable<GCPolicy> ToRecords(IEnumerable<PruneRule> rules) => rules.Select(static rule => new GCPolicy
    {
        All = rule.All, Filters = { rule.Filters }, KeepDuration = rule.KeepDuration.Ticks * TimeSpan.NanosecondsPerTick, ReservedSpace = rule.Reserved, MaxUsedSpace = rule.MaxUsed, MinFreeSpace = rule.MinFree,
    });
}
