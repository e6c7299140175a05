using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>Whether mounts can travel between a bind's source and the container: the mount that it lies on must be shared.</summary>
internal static class MountPropagation
{
    public static void Require(string source, string? propagation)
    {
        if (propagation is not ("shared" or "rshared" or "slave" or "rslave")) return;
        var (place, shared, slave) = MountOf(Real(source), File.ReadLines("/proc/self/mountinfo"));
        if (propagation.EndsWith("shared", StringComparison.Ordinal) ? shared : shared || slave) return;
        throw new WharfException(ErrorKind.Internal, $"path {source} is mounted on {place} but it is not a shared{(propagation.EndsWith("slave", StringComparison.Ordinal) ? " or slave" : "")} mount");
    }

    private static string Real(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;

    /// <summary>The mount a path lies on (proc(5) mountinfo: optional fields stand between the options and a dash).</summary>
    public static (string Place, bool Shared, bool Slave) MountOf(string path, IEnumerable<string> mountinfo)
    {
        (string Place, bool Shared, bool Slave) found = ("/", false, false);
        int longest = -1;
        foreach (var line in mountinfo)
        {
            var fields = line.Split(' ');
            if (fields.Length < 7) continue;
            var place = fields[4].Replace("\\040", " ", StringComparison.Ordinal);
            // Of two on one place the later lies above.
            if (place.Length < longest || !(path == place || place == "/" || path.StartsWith(place + "/", StringComparison.Ordinal))) continue;
            longest = place.Length;
            var optional = fields.Skip(6).TakeWhile(field => field != "-").ToList();
            found = (place, optional.Exists(field => field.StartsWith("shared:", StringComparison.Ordinal)), optional.Exists(field => field.StartsWith("master:", StringComparison.Ordinal)));
        }
        return found;
    }
}
