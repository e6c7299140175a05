using Wharf.Linux.Mounts;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>Whether mounts can travel between a bind's source and the container: the mount that it lies on must be shared.</summary>
internal static class MountPropagation
{
    /// <summary>
    /// What a bind asks for, or the default. What holds the engine's own files is a slave of the host's: a mount that the engine lets go of would
    /// else be kept by the container (docker's rule and words).
    /// </summary>
    public static string Choose(MountPlan plan, string dataRoot)
    {
        if (!IsBelow(plan.Source, dataRoot) && !IsBelow(dataRoot, plan.Source)) return plan.Propagation is { Length: > 0 } asked ? asked : "rprivate";
        if (plan.Propagation is "" or "rslave" or "rshared") return plan.Propagation is { Length: > 0 } given ? given : "rslave";
        throw WharfException.Invalid($"invalid mount config: must use either propagation mode \"rslave\" or \"rshared\" when mount source is within the daemon root, daemon root: \"{dataRoot}\", bind mount source: \"{plan.Source}\", propagation: \"{plan.Propagation}\"");
    }

    private static bool IsBelow(string path, string parent) => path == parent || parent == "/" || path.StartsWith(parent + "/", StringComparison.Ordinal);

    public static bool IsPossible(string source, string propagation, out string place)
    {
        place = "";
        if (propagation is not ("shared" or "rshared" or "slave" or "rslave")) return true;
        (place, bool shared, bool slave) = MountOf(Real(source), File.ReadLines("/proc/self/mountinfo"));
        return propagation.EndsWith("shared", StringComparison.Ordinal) ? shared : shared || slave;
    }

    public static void Require(string source, string propagation)
    {
        if (IsPossible(source, propagation, out var place)) return;
        throw new WharfException(ErrorKind.Internal, $"path {source} is mounted on {place} but it is not a shared{(propagation.EndsWith("slave", StringComparison.Ordinal) ? " or slave" : "")} mount");
    }

    private static string Real(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;

    /// <summary>The mount a path lies on.</summary>
    public static (string Place, bool Shared, bool Slave) MountOf(string path, IEnumerable<string> mountinfo)
    {
        (string Place, bool Shared, bool Slave) found = ("/", false, false);
        int longest = -1;
        foreach (var (place, optional, _) in MountInfo.Parse(mountinfo))
        {
            // Of two on one place the later lies above.
            if (place.Length < longest || !(path == place || place == "/" || path.StartsWith(place + "/", StringComparison.Ordinal))) continue;
            longest = place.Length;
            found = (place, optional.Any(field => field.StartsWith("shared:", StringComparison.Ordinal)), optional.Any(field => field.StartsWith("master:", StringComparison.Ordinal)));
        }
        return found;
    }
}
