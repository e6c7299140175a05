namespace Wharf.Daemon.Registry.Scanning;

/// <summary>rpm's order (rpm's manual, "Version comparison"): epoch, version, release; a release that only one has does not count.</summary>
internal static partial class PackageVersion
{
    private static int CompareRpm(string left, string right)
    {
        var (leftEpoch, leftVersion, leftRelease) = Split(left);
        var (rightEpoch, rightVersion, rightRelease) = Split(right);
        if (leftEpoch.CompareTo(rightEpoch) is not 0 and var epoch) return epoch;
        if (CompareRpmPart(leftVersion, rightVersion) is not 0 and var version) return version;
        return leftRelease == "" || rightRelease == "" ? 0 : CompareRpmPart(leftRelease, rightRelease);
    }

    /// <summary>Runs of digits or of letters, in turn; numbers come after letters, a tilde before the end, a caret after it but before all else.</summary>
    private static int CompareRpmPart(string left, string right)
    {
        int i = 0, j = 0;
        while (true)
        {
            while (i < left.Length && !IsRpm(left[i])) i++;
            while (j < right.Length && !IsRpm(right[j])) j++;
            char a = i < left.Length ? left[i] : '\0', b = j < right.Length ? right[j] : '\0';
            if (a == '~' || b == '~')
            {
                if (a != b) return a == '~' ? -1 : 1;
                (i, j) = (i + 1, j + 1);
                continue;
            }
            if (a == '^' || b == '^')
            {
                if (a != b) return a == '^' ? b == '\0' ? 1 : -1 : a == '\0' ? -1 : 1;
                (i, j) = (i + 1, j + 1);
                continue;
            }
            if (a == '\0' || b == '\0') return (a == '\0' ? 0 : 1) - (b == '\0' ? 0 : 1);
            bool isNumber = char.IsAsciiDigit(a);
            if (isNumber != char.IsAsciiDigit(b)) return isNumber ? 1 : -1;
            var order = isNumber ? CompareNumbers(left, ref i, right, ref j) : Letters(left, ref i).SequenceCompareTo(Letters(right, ref j));
            if (order != 0) return order;
        }
    }

    private static bool IsRpm(char c) => char.IsAsciiLetterOrDigit(c) || c is '~' or '^';

    private static ReadOnlySpan<char> Letters(string text, ref int at)
    {
        int from = at;
        while (at < text.Length && char.IsAsciiLetter(text[at])) at++;
        return text.AsSpan(from, at - from);
    }
}
