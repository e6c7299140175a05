using System.Globalization;
using System.Text;

namespace Wharf.Cli.Recipes;

/// <summary>A length of time as flags and compose files take it: <c>1h30m</c>, <c>500ms</c>.</summary>
internal static class GoTime
{
    public static string Of(long nanoseconds)
    {
        if (nanoseconds == 0) return "0s";
        var text = new StringBuilder();
        foreach (var (unit, size) in new[] { ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1L) })
        {
            if (nanoseconds >= size) text.Append(CultureInfo.InvariantCulture, $"{nanoseconds / size}{unit}");
            nanoseconds %= size;
        }
        return text.ToString();
    }
}
