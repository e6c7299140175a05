namespace Wharf.Cli.Copying;

/// <summary>Paths as cp reads them: a slash or <c>/.</c> at the end has a meaning and is kept.</summary>
internal static class CopyPath
{
    /// <summary>Shortens a path without losing what its end says.</summary>
    public static string Clean(string path)
    {
        var cleaned = Lexical(path);
        if (path.EndsWith("/.", StringComparison.Ordinal) || path == ".") return cleaned is "." ? "." : cleaned.TrimEnd('/') + "/.";
        return path.EndsWith('/') && cleaned != "/" ? cleaned + "/" : cleaned;
    }

    private static string Lexical(string path)
    {
        var parts = new List<string>();
        var isRooted = path.StartsWith('/');
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".") continue;
            if (part == ".." && parts.Count > 0 && parts[^1] != "..") parts.RemoveAt(parts.Count - 1);
            else if (part != ".." || !isRooted) parts.Add(part);
        }
        var joined = string.Join('/', parts);
        return isRooted ? "/" + joined : joined == "" ? "." : joined;
    }

    /// <summary>The directory a path's last part is in, and that part; <c>.</c> when the contents are meant.</summary>
    public static (string Directory, string Name) Split(string path)
    {
        var cleaned = Clean(path);
        if (cleaned.EndsWith("/.", StringComparison.Ordinal)) return (cleaned[..^2] is "" ? "/" : cleaned[..^2], ".");
        if (cleaned == ".") return (".", ".");
        var trimmed = cleaned.TrimEnd('/');
        if (trimmed == "") return ("/", "/");
        var slash = trimmed.LastIndexOf('/');
        return slash < 0 ? (".", trimmed) : slash == 0 ? ("/", trimmed[1..]) : (trimmed[..slash], trimmed[(slash + 1)..]);
    }

    public static bool SaysDirectory(string path) => path.EndsWith('/') || path == "." || path.EndsWith("/.", StringComparison.Ordinal);

    /// <summary>Where a link in a container leads; its own name stays with what is copied.</summary>
    public static (string Path, string? RebaseName) FollowLink(string path, string target)
    {
        var resolved = target.StartsWith('/') ? target : Lexical($"{Split(path).Directory}/{target}");
        if (SaysDirectory(path) && !SaysDirectory(resolved)) resolved += path.EndsWith("/.", StringComparison.Ordinal) ? "/." : "/";
        var (own, other) = (Split(path).Name, Split(resolved).Name);
        return (resolved, own != other && own != "." ? own : null);
    }
}
