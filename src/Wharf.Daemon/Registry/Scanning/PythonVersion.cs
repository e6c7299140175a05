using System.Text.RegularExpressions;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Python's versions (PEP 440). What is none comes before all that are.</summary>
internal static partial class PythonVersion
{
    private const long Never = long.MaxValue, Least = -1;

    public static int Compare(string left, string right)
    {
        var (a, b) = (Key(left), Key(right));
        if (a is null || b is null) return a is null && b is null ? string.CompareOrdinal(left, right) : a is null ? -1 : 1;
        if (a.Value.Epoch != b.Value.Epoch) return a.Value.Epoch.CompareTo(b.Value.Epoch);
        for (int i = 0; i < Math.Max(a.Value.Release.Length, b.Value.Release.Length); i++)
        {
            long x = i < a.Value.Release.Length ? a.Value.Release[i] : 0, y = i < b.Value.Release.Length ? b.Value.Release[i] : 0;
            if (x != y) return x.CompareTo(y);
        }
        return a.Value.Order.CompareTo(b.Value.Order);
    }

    /// <summary>The rest is in the order it counts: which kind of a pre-release, its number, post-release, development release.</summary>
    private static (long Epoch, long[] Release, (long, long, long, long) Order)? Key(string text)
    {
        var match = Form().Match(text.Trim().ToLowerInvariant());
        if (!match.Success) return null;
        var pre = match.Groups["pre"].Value switch { "a" or "alpha" => 0, "b" or "beta" => 1, "c" or "rc" or "pre" or "preview" => 2, _ => Never };
        bool hasPost = match.Groups["post"].Success || match.Groups["dash"].Success, hasDevelopment = match.Groups["dev"].Success;
        long post = hasPost ? Number(match.Groups["postn"].Length > 0 ? match.Groups["postn"].Value : match.Groups["dash"].Value) : Least;
        // A development release of a release comes before its pre-releases.
        if (pre == Never && !hasPost && hasDevelopment) pre = Least;
        return (Number(match.Groups["epoch"].Value), [.. match.Groups["release"].Value.Split('.').Select(Number)], (pre, Number(match.Groups["pren"].Value), post, hasDevelopment ? Number(match.Groups["devn"].Value) : Never));
    }

    private static long Number(string digits) => digits == "" ? 0 : long.TryParse(digits, out long number) ? number : Never;

    [GeneratedRegex(@"^v?(?:(?<epoch>[0-9]+)!)?(?<release>[0-9]+(?:\.[0-9]+)*)(?:[-_.]?(?<pre>alpha|a|beta|b|preview|pre|rc|c)[-_.]?(?<pren>[0-9]*))?(?:-(?<dash>[0-9]+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postn>[0-9]*))?(?:[-_.]?(?<dev>dev)[-_.]?(?<devn>[0-9]*))?(?:\+.*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
