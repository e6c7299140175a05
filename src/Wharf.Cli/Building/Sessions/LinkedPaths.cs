using Wharf.Specs.Build;

namespace Wharf.Cli.Building.Sessions;

/// <summary>The paths that a builder wants, patterns in them resolved, with all that symbolic links on the way lead to. Nothing outside of the root is among them; the empty path is the root itself.</summary>
internal static class LinkedPaths
{
    private const int MaxLinks = 255;

    public static HashSet<string> Of(string root, IEnumerable<string> wanted)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in wanted)
        {
            int left = MaxLinks;
            Follow(root, "", Parts(path), found, ref left);
        }
        return found;
    }

    private static string[] Parts(string path) => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private static void Follow(string root, string at, ReadOnlySpan<string> parts, HashSet<string> found, ref int left)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i] == ".") continue;
            if (parts[i] == "..")
            {
                // Above the root is the root.
                at = at.LastIndexOf('/') is >= 0 and var slash ? at[..slash] : "";
                continue;
            }
            if (parts[i].AsSpan().ContainsAny('*', '?', '['))
            {
                FollowMatching(root, at, parts[i], parts[(i + 1)..], found, ref left);
                return;
            }
            at = at.Length == 0 ? parts[i] : $"{at}/{parts[i]}";
            var entry = new FileInfo(Path.Combine(root, at));
            if (entry.LinkTarget is not { } target) continue;
            found.Add(at);
            if (--left < 0) return;
            var above = target.StartsWith('/') ? "" : at.LastIndexOf('/') is >= 0 and var end ? at[..end] : "";
            string[] rest = [.. Parts(target), .. parts[(i + 1)..]];
            Follow(root, above, rest, found, ref left);
            return;
        }
        found.Add(at);
    }

    private static void FollowMatching(string root, string at, string pattern, ReadOnlySpan<string> rest, HashSet<string> found, ref int left)
    {
        var directory = Path.Combine(root, at);
        if (!Directory.Exists(directory)) return;
        foreach (var name in Directory.EnumerateFileSystemEntries(directory).Select(static path => Path.GetFileName(path)).Where(name => IgnorePatterns.MatchesPart(pattern, name)))
        {
            string[] parts = [name, .. rest];
            Follow(root, at, parts, found, ref left);
        }
    }
}
