using Wharf.BuildKit.Protocol.Workers;
using Wharf.Engine;

namespace Wharf.Daemon.BuildKit;

/// <summary>How the cache is kept small, as clients show it.</summary>
internal static class CachePolicies
{
    public static IEnumerable<GCPolicy> ToRecords(DaemonOptions options)
    {
        if (!options.Builder.CollectsGarbage) yield break;
        var bounds = options.Builder.Bounds ?? Engine.Build.CacheBounds.Default(options.DataRoot);
        yield return new GCPolicy { Filters = { "type==source.local,type==exec.cachemount,type==source.git.checkout" }, KeepDuration = (long)Engine.Build.CacheBounds.ShortLife.TotalNanoseconds, MaxUsedSpace = Engine.Build.CacheBounds.ShortLifeBytes };
        yield return new GCPolicy { KeepDuration = (long)Engine.Build.CacheBounds.Life.TotalNanoseconds, ReservedSpace = bounds.Reserved, MaxUsedSpace = bounds.MaxUsed, MinFreeSpace = bounds.MinFree };
        yield return new GCPolicy { All = true, ReservedSpace = bounds.Reserved, MaxUsedSpace = bounds.MaxUsed, MinFreeSpace = bounds.MinFree };
    }
}
