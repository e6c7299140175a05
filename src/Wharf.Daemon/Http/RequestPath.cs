namespace Wharf.Daemon.Http;

/// <summary>Paths with empty, <c>.</c> or <c>..</c> segments are not served but redirected to what they mean, as docker does.</summary>
public static class RequestPath
{
    /// <summary>True, with the path to go to, when <paramref name="path"/> is not in its simplest form.</summary>
    public static bool TryClean(ReadOnlySpan<char> path, out string clean)
    {
        clean = "";
        if (path.IndexOf("//", StringComparison.Ordinal) < 0 && path.IndexOf("/.", StringComparison.Ordinal) < 0) return false;
        var kept = new List<string>();
        foreach (var segment in path.ToString().Split('/'))
        {
            if (segment is "" or ".") continue;
            if (segment == "..")
            {
                if (kept.Count > 0) kept.RemoveAt(kept.Count - 1);
            }
            else kept.Add(segment);
        }
        clean = "/" + string.Join('/', kept);
        if (kept.Count > 0 && path[^1] == '/') clean += "/";
        return !path.SequenceEqual(clean);
    }
}
