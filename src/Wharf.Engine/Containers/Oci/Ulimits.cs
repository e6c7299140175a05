using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Resource limits of a process (getrlimit(2)) from docker's names; -1 is unlimited.</summary>
public static class Ulimits
{
    private static readonly string[] Names =
    [
        "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
    ];

    public static bool IsKnown(string? name) => Array.IndexOf(Names, name) >= 0;

    public static List<Rlimit>? Map(IReadOnlyList<HostConfigUlimits>? limits)
    {
        if (limits is not { Count: > 0 }) return null;
        var mapped = new List<Rlimit>(limits.Count);
        foreach (var limit in limits)
        {
            if (!IsKnown(limit.Name)) throw WharfException.Invalid($"invalid ulimit type: {limit.Name}");
            long soft = limit.Soft ?? -1, hard = limit.Hard ?? -1;
            if (hard != -1 && (soft == -1 || soft > hard))
                throw WharfException.Invalid($"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}");
            mapped.Add(new Rlimit { Type = "RLIMIT_" + limit.Name!.ToUpperInvariant(), Soft = unchecked((ulong)soft), Hard = unchecked((ulong)hard) });
        }
        return mapped;
    }
}
