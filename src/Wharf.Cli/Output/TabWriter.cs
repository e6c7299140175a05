using System.Text;

namespace Wharf.Cli.Output;

/// <summary>
/// Aligns tab-separated text as Go's text/tabwriter does: a cell ends with a tab, and neighbouring lines that have a cell in the same
/// column share that column's width; what follows a line's last tab is free.
/// </summary>
internal static class TabWriter
{
    public static string Align(string text, int minWidth, int padding)
    {
        var endsWithNewline = text.EndsWith('\n');
        var lines = (endsWithNewline ? text[..^1] : text).Split('\n').Select(line => line.Split('\t')).ToList();
        var widths = lines.Select(cells => new int[cells.Length]).ToList();
        Measure(lines, widths, 0, lines.Count, 0, minWidth, padding);
        var result = new StringBuilder();
        for (var i = 0; i < lines.Count; i++)
        {
            for (var column = 0; column < lines[i].Length; column++)
            {
                var cell = lines[i][column];
                result.Append(cell);
                if (column < lines[i].Length - 1) result.Append(' ', widths[i][column] - RuneCount(cell));
            }
            if (i < lines.Count - 1 || endsWithNewline) result.Append('\n');
        }
        return result.ToString();
    }

    private static void Measure(List<string[]> lines, List<int[]> widths, int from, int to, int column, int minWidth, int padding)
    {
        for (var i = from; i < to;)
        {
            if (lines[i].Length - 1 <= column) { i++; continue; }
            var end = i;
            var width = minWidth;
            while (end < to && lines[end].Length - 1 > column) width = Math.Max(width, RuneCount(lines[end++][column]) + padding);
            for (var line = i; line < end; line++) widths[line][column] = width;
            Measure(lines, widths, i, end, column + 1, minWidth, padding);
            i = end;
        }
    }

    private static int RuneCount(string text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes()) count++;
        return count;
    }
}
