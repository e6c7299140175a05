using System.Globalization;

namespace Wharf.Engine.Containers.Config;

/// <summary>Lists of processors or memory nodes as the kernel writes them, <c>0-3,8</c> (cpuset(7), "List format"). Bounded (CVE-2018-20699).</summary>
internal static class CpuList
{
    public const int Highest = 8191;

    public static bool TryParse(string text, out SortedSet<int> numbers)
    {
        numbers = [];
        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !TryNumber(ends[0], out int first)) return false;
            int last = first;
            if (ends.Length == 2 && (!TryNumber(ends[1], out last) || last < first)) return false;
            for (int number = first; number <= last; number++) numbers.Add(number);
        }
        return true;
    }

    /// <summary>Whether a list is none because a number is above the highest.</summary>
    public static bool IsTooHigh(string text) =>
        text.Split(',', '-') is var parts && parts.All(static part => part.Length > 0 && part.All(char.IsAsciiDigit)) && parts.Any(static part => !TryNumber(part, out _));

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= Highest;
}
