namespace Wharf.Cli.CommandLine;

/// <summary>What a mistyped word may have meant.</summary>
internal static class Suggestions
{
    private const int MaxDistance = 2;

    /// <summary>Names at most two typing errors away, or that begin with the word; the nearest first.</summary>
    public static IReadOnlyList<string> For(string word, IEnumerable<string> names) =>
        [.. names.Distinct().Select(name => (Name: name, Distance: Distance(word, name)))
            .Where(pair => pair.Distance <= Math.Min(MaxDistance, pair.Name.Length / 2) || (word.Length > 1 && pair.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase)))
            .OrderBy(pair => pair.Distance).ThenBy(pair => pair.Name, StringComparer.Ordinal).Select(pair => pair.Name).Take(3)];

    /// <summary>Letters to insert, drop, change, or swap with their neighbour (Damerau's distance, of strings aligned).</summary>
    internal static int Distance(string a, string b)
    {
        var costs = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++) costs[i, 0] = i;
        for (int j = 0; j <= b.Length; j++) costs[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int change = costs[i - 1, j - 1] + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                costs[i, j] = Math.Min(change, Math.Min(costs[i - 1, j], costs[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) costs[i, j] = Math.Min(costs[i, j], costs[i - 2, j - 2] + 1);
            }
        }
        return costs[a.Length, b.Length];
    }
}
