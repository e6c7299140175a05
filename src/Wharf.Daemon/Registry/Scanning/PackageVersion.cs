using System.Globalization;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Which of two versions is the earlier, as those who made them order them.</summary>
internal static partial class PackageVersion
{
    public static int Compare(PackageKind kind, string left, string right) => kind switch
    {
        PackageKind.Apk => CompareApk(left, right),
        PackageKind.Rpm => CompareRpm(left, right),
        PackageKind.Npm or PackageKind.Golang or PackageKind.Cargo => CompareSemantic(left, right, StringComparison.Ordinal),
        PackageKind.NuGet => CompareSemantic(left, right, StringComparison.OrdinalIgnoreCase),
        PackageKind.PyPI => PythonVersion.Compare(left, right),
        PackageKind.Gem or PackageKind.Composer or PackageKind.Maven => CompareWords(kind, left, right),
        _ => CompareDebian(left, right),
    };

    /// <summary>deb-version(7): epoch, upstream version, revision.</summary>
    private static int CompareDebian(string left, string right)
    {
        var (leftEpoch, leftUpstream, leftRevision) = Split(left);
        var (rightEpoch, rightUpstream, rightRevision) = Split(right);
        if (leftEpoch.CompareTo(rightEpoch) is not 0 and var epoch) return epoch;
        return ComparePart(leftUpstream, rightUpstream) is not 0 and var upstream ? upstream : ComparePart(leftRevision, rightRevision);
    }

    private static (long Epoch, string Upstream, string Revision) Split(string version)
    {
        int colon = version.IndexOf(':'), dash = version.LastIndexOf('-');
        long epoch = colon > 0 && long.TryParse(version.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
        return dash > colon ? (epoch, version[(colon + 1)..dash], version[(dash + 1)..]) : (epoch, version[(colon + 1)..], "");
    }

    /// <summary>Texts without digits and numbers, in turn. A tilde comes before the end, the end before letters, letters before all else.</summary>
    private static int ComparePart(string left, string right)
    {
        int i = 0, j = 0;
        while (i < left.Length || j < right.Length)
        {
            while (i < left.Length && !char.IsAsciiDigit(left[i]) || j < right.Length && !char.IsAsciiDigit(right[j]))
            {
                int a = i < left.Length && !char.IsAsciiDigit(left[i]) ? Weight(left[i++]) : 0, b = j < right.Length && !char.IsAsciiDigit(right[j]) ? Weight(right[j++]) : 0;
                if (a != b) return a.CompareTo(b);
            }
            if (CompareNumbers(left, ref i, right, ref j) is not 0 and var order) return order;
        }
        return 0;
    }

    private static int Weight(char c) => c == '~' ? -1 : char.IsAsciiLetter(c) ? c : c + 256;

    /// <summary>Numbers of any length: without leading zeros the longer is the greater.</summary>
    private static int CompareNumbers(string left, ref int i, string right, ref int j)
    {
        var a = Digits(left, ref i);
        var b = Digits(right, ref j);
        return a.Length != b.Length ? a.Length.CompareTo(b.Length) : a.SequenceCompareTo(b);
    }

    private static ReadOnlySpan<char> Digits(string text, ref int at)
    {
        int from = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        return text.AsSpan(from, at - from).TrimStart('0');
    }

    /// <summary>apk's: numbers between dots, a letter, suffixes before (<c>_alpha</c>, <c>_rc</c>) and after (<c>_p</c>) the release, and <c>-r</c>.</summary>
    private static int CompareApk(string left, string right)
    {
        var (a, b) = (ApkVersion.Parse(left), ApkVersion.Parse(right));
        for (int i = 0; i < Math.Max(a.Numbers.Count, b.Numbers.Count); i++)
        {
            if (i >= a.Numbers.Count) return -1;
            if (i >= b.Numbers.Count) return 1;
            // A part with a leading zero counts as a fraction, all but the first.
            var order = i > 0 && (a.Numbers[i].StartsWith('0') || b.Numbers[i].StartsWith('0')) ? string.CompareOrdinal(a.Numbers[i], b.Numbers[i]) : CompareDigits(a.Numbers[i], b.Numbers[i]);
            if (order != 0) return order;
        }
        if (a.Letter.CompareTo(b.Letter) is not 0 and var letter) return letter;
        for (int i = 0; i < Math.Max(a.Suffixes.Count, b.Suffixes.Count); i++)
        {
            var (left1, right1) = (i < a.Suffixes.Count ? a.Suffixes[i] : (0, "0"), i < b.Suffixes.Count ? b.Suffixes[i] : (0, "0"));
            if (left1.Item1.CompareTo(right1.Item1) is not 0 and var rank) return rank;
            if (CompareDigits(left1.Item2, right1.Item2) is not 0 and var number) return number;
        }
        return CompareDigits(a.Revision, b.Revision);
    }

    private static int CompareDigits(string left, string right)
    {
        int i = 0, j = 0;
        return CompareNumbers(left, ref i, right, ref j);
    }

    private sealed record ApkVersion(List<string> Numbers, char Letter, List<(int Rank, string Number)> Suffixes, string Revision)
    {
        private static readonly string[] Before = ["alpha", "beta", "pre", "rc"], After = ["cvs", "svn", "git", "hg", "p"];

        public static ApkVersion Parse(string text)
        {
            int dash = text.LastIndexOf("-r", StringComparison.Ordinal);
            var revision = dash > 0 ? text[(dash + 2)..] : "0";
            var parts = (dash > 0 ? text[..dash] : text).Split('_');
            var release = parts[0];
            char letter = release.Length > 0 && char.IsAsciiLetter(release[^1]) ? release[^1] : '\0';
            if (letter != '\0') release = release[..^1];
            return new ApkVersion([.. release.Split('.')], letter, [.. parts.Skip(1).Select(Suffix)], revision);
        }

        private static (int, string) Suffix(string text)
        {
            var word = text.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9');
            int before = Array.IndexOf(Before, word), after = Array.IndexOf(After, word);
            return (before >= 0 ? before - Before.Length : after + 1, text[word.Length..]);
        }
    }
}
