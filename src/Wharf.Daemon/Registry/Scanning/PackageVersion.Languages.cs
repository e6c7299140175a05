namespace Wharf.Daemon.Registry.Scanning;

/// <summary>How package managers of languages order versions.</summary>
internal static partial class PackageVersion
{
    /// <summary>semver.org, with any number of numbers, as NuGet has four.</summary>
    private static int CompareSemantic(string left, string right, StringComparison letters)
    {
        var (leftNumbers, leftBefore) = Semantic(left);
        var (rightNumbers, rightBefore) = Semantic(right);
        for (int i = 0; i < Math.Max(leftNumbers.Length, rightNumbers.Length); i++)
            if (CompareDigits(i < leftNumbers.Length ? leftNumbers[i] : "0", i < rightNumbers.Length ? rightNumbers[i] : "0") is not 0 and var order) return order;
        if (leftBefore.Length == 0 || rightBefore.Length == 0) return rightBefore.Length.CompareTo(leftBefore.Length);
        for (int i = 0; i < Math.Min(leftBefore.Length, rightBefore.Length); i++)
        {
            var (a, b) = (leftBefore[i], rightBefore[i]);
            bool isNumber = a.All(char.IsAsciiDigit), isOther = b.All(char.IsAsciiDigit);
            var order = isNumber && isOther ? CompareDigits(a, b) : isNumber != isOther ? isNumber ? -1 : 1 : string.Compare(a, b, letters);
            if (order != 0) return order;
        }
        return leftBefore.Length.CompareTo(rightBefore.Length);
    }

    private static (string[] Numbers, string[] Before) Semantic(string version)
    {
        version = version.TrimStart('v', '=', ' ').Split('+')[0];
        int dash = version.IndexOf('-');
        return ((dash < 0 ? version : version[..dash]).Split('.'), dash < 0 ? [] : version[(dash + 1)..].Split('.'));
    }

    // Words before a release in their order, and after it. What Maven does not know comes after, what the others do not know before.
    private static readonly string[] _mavenBefore = ["alpha", "beta", "milestone", "rc", "snapshot"], _composerBefore = ["dev", "alpha", "beta", "rc"];
    private const int NumberRank = 100;

    /// <summary>Numbers and words in turn (Maven's ComparableVersion, Composer's by PHP's version_compare, RubyGems'); what is not there is like 0.</summary>
    private static int CompareWords(PackageKind kind, string left, string right)
    {
        var (a, b) = (Words(kind, left), Words(kind, right));
        for (int i = 0; i < Math.Max(a.Count, b.Count); i++)
        {
            var (x, y) = (i < a.Count ? a[i] : (Rank: 0, Text: "0"), i < b.Count ? b[i] : (Rank: 0, Text: "0"));
            if (x.Rank != y.Rank) return x.Rank.CompareTo(y.Rank);
            var order = x.Rank is 0 or NumberRank ? CompareDigits(x.Text, y.Text) : string.CompareOrdinal(x.Text, y.Text);
            if (order != 0) return order;
        }
        return 0;
    }

    private static List<(int Rank, string Text)> Words(PackageKind kind, string version)
    {
        var words = new List<(int, string)>();
        version = version.ToLowerInvariant();
        // RubyGems writes 1.0-x for 1.0.pre.x.
        version = kind == PackageKind.Gem ? version.Replace("-", ".pre.", StringComparison.Ordinal) : version.Split('+')[0];
        if (kind == PackageKind.Composer) version = version.TrimStart('v');
        for (int at = 0; at < version.Length;)
        {
            if (char.IsAsciiDigit(version[at]))
            {
                var digits = Digits(version, ref at).ToString();
                words.Add((digits.Length == 0 ? 0 : NumberRank, digits));
            }
            else if (char.IsAsciiLetter(version[at])) words.Add(Word(kind, Letters(version, ref at).ToString(), at < version.Length && char.IsAsciiDigit(version[at])));
            else at++;
        }
        return words;
    }

    private static (int, string) Word(PackageKind kind, string word, bool isBeforeNumber)
    {
        if (kind == PackageKind.Gem) return (-1, word);
        if (isBeforeNumber || kind == PackageKind.Composer) word = word switch { "a" => "alpha", "b" => "beta", "m" => "milestone", _ => word };
        if (kind == PackageKind.Composer) return word is "pl" or "p" or "patch" ? (1, "") : Array.IndexOf(_composerBefore, word) is >= 0 and var before ? (before - _composerBefore.Length, "") : (-_composerBefore.Length - 1, word);
        if (word == "cr") word = "rc";
        if (word is "ga" or "final" or "release") return (0, "0");
        return Array.IndexOf(_mavenBefore, word) is >= 0 and var index ? (index - _mavenBefore.Length, "") : word == "sp" ? (1, "") : (2, word);
    }
}
