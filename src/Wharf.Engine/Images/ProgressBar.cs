using System.Globalization;

namespace Wharf.Engine.Images;

/// <summary>The textual bar that older clients print: <c>[=====&gt;     ]  1.2MB/3.4MB</c>.</summary>
internal static class ProgressBar
{
    private const int Width = 50;
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB"];

    public static string Of(long current, long total)
    {
        if (total <= 0) return Size(current);
        int filled = (int)Math.Min(Width, current * Width / total);
        return $"[{new string('=', filled)}{(filled < Width ? ">" : "")}{new string(' ', Math.Max(0, Width - filled - 1))}]  {Size(current)}/{Size(total)}";
    }

    private static string Size(double bytes)
    {
        int unit = 0;
        for (; bytes >= 1000 && unit < Units.Length - 1; unit++) bytes /= 1000;
        return bytes.ToString(unit == 0 ? "0" : bytes < 10 ? "0.000" : bytes < 100 ? "0.00" : "0.0", CultureInfo.InvariantCulture) + Units[unit];
    }
}
