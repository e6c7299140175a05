using System.Text;

namespace Wharf.Specs.Build;

/// <summary>
/// The patterns of a <c>.dockerignore</c>: Go's path matching with <c>**</c> for any number of directories, <c>!</c> for exceptions,
/// the last match counts, and what matches a directory matches all below it.
/// https://docs.docker.com/build/concepts/context/#dockerignore-files
/// </summary>
public sealed class IgnorePatterns
{
    private sealed record Pattern(string[] Parts, bool IsException);

    private readonly List<Pattern> patterns = [];

    /// <summary>Whether an excluded directory may hold something that is not.</summary>
    public bool HasExceptions => patterns.Any(pattern => pattern.IsException);

    public static IgnorePatterns Parse(IEnumerable<string> lines)
    {
        var result = new IgnorePatterns();
        foreach (var line in lines) result.Add(line);
        return result;
    }

    public void Add(string line)
    {
        var text = line.TrimStart('\uFEFF');
        if (text.StartsWith('#')) return;
        text = text.Trim();
        if (text == "") return;
        var isException = text[0] == '!';
        if (isException) text = text[1..].Trim();
        var parts = Clean(text);
        if (parts.Length > 0) patterns.Add(new Pattern(parts, isException));
    }

    private static string[] Clean(string text)
    {
        var parts = new List<string>();
        foreach (var part in text.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".") continue;
            if (part == "..")
            {
                if (parts.Count > 0) parts.RemoveAt(parts.Count - 1);
                continue;
            }
            parts.Add(part);
        }
        return [.. parts];
    }

    /// <summary>Whether a path, relative to the context and with slashes, stays out.</summary>
    public bool Excludes(string path)
    {
        if (patterns.Count == 0) return false;
        var parts = path.Split('/');
        var isExcluded = false;
        foreach (var pattern in patterns)
        {
            if (isExcluded == !pattern.IsException) continue;
            if (MatchesSelfOrParent(pattern.Parts, parts)) isExcluded = !pattern.IsException;
        }
        return isExcluded;
    }

    /// <summary>Whether an exception could match below an excluded directory, so that it must be walked all the same.</summary>
    public bool MayHoldException(string directory)
    {
        var parts = directory.Split('/');
        return patterns.Any(pattern => pattern.IsException && (pattern.Parts.Contains("**") || CouldReach(pattern.Parts, parts)));
    }

    private static bool CouldReach(string[] pattern, string[] directory)
    {
        if (pattern.Length <= directory.Length) return false;
        for (var i = 0; i < directory.Length; i++)
        {
            if (!MatchesPart(pattern[i], directory[i])) return false;
        }
        return true;
    }

    private static bool MatchesSelfOrParent(string[] pattern, string[] path)
    {
        for (var length = 1; length <= path.Length; length++)
        {
            if (Matches(pattern, path.AsSpan(0, length))) return true;
        }
        return false;
    }

    private static bool Matches(ReadOnlySpan<string> pattern, ReadOnlySpan<string> path)
    {
        while (!pattern.IsEmpty)
        {
            if (pattern[0] == "**")
            {
                if (pattern.Length == 1) return true;
                for (var skip = 0; skip <= path.Length; skip++)
                {
                    if (Matches(pattern[1..], path[skip..])) return true;
                }
                return false;
            }
            if (path.IsEmpty || !MatchesPart(pattern[0], path[0])) return false;
            pattern = pattern[1..];
            path = path[1..];
        }
        return path.IsEmpty;
    }

    /// <summary>One name: <c>*</c>, <c>?</c>, <c>[a-z]</c>, <c>[^a]</c> and a backslash to take a character as it is.</summary>
    public static bool MatchesPart(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        while (!pattern.IsEmpty)
        {
            switch (pattern[0])
            {
                case '*':
                    pattern = pattern.TrimStart('*');
                    if (pattern.IsEmpty) return true;
                    for (var skip = 0; skip <= text.Length; skip++)
                    {
                        if (MatchesPart(pattern, text[skip..])) return true;
                    }
                    return false;
                case '?':
                    if (text.IsEmpty) return false;
                    pattern = pattern[1..];
                    break;
                case '[':
                    if (text.IsEmpty || !MatchesClass(ref pattern, text[0])) return false;
                    break;
                default:
                    if (pattern[0] == '\\' && pattern.Length > 1) pattern = pattern[1..];
                    if (text.IsEmpty || text[0] != pattern[0]) return false;
                    pattern = pattern[1..];
                    break;
            }
            text = text[1..];
        }
        return text.IsEmpty;
    }

    private static bool MatchesClass(ref ReadOnlySpan<char> pattern, char c)
    {
        var at = 1;
        var isNegated = at < pattern.Length && pattern[at] == '^';
        if (isNegated) at++;
        var found = false;
        for (var isFirst = true; at < pattern.Length && (pattern[at] != ']' || isFirst); isFirst = false)
        {
            var low = Take(pattern, ref at);
            var high = low;
            if (at + 1 < pattern.Length && pattern[at] == '-' && pattern[at + 1] != ']')
            {
                at++;
                high = Take(pattern, ref at);
            }
            found |= c >= low && c <= high;
        }
        pattern = at < pattern.Length ? pattern[(at + 1)..] : [];
        return found != isNegated;
    }

    private static char Take(ReadOnlySpan<char> pattern, ref int at)
    {
        if (pattern[at] == '\\' && at + 1 < pattern.Length) at++;
        return pattern[at++];
    }

    public override string ToString() => new StringBuilder().AppendJoin('\n', patterns.Select(pattern => (pattern.IsException ? "!" : "") + string.Join('/', pattern.Parts))).ToString();
}
