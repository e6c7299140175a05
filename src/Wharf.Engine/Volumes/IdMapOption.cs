using System.Globalization;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Volumes;

/// <summary>
/// Owners shown in the container as others than on the file system, in podman's words: <c>idmap=uids=0-1000-1#5-2000-10;gids=0-1000-1</c>, each
/// part the first ID on the file system, the one it appears as, and how many. What is not mapped appears as nobody's.
/// </summary>
internal sealed record IdMapOption(List<IdMapping> Uids, List<IdMapping> Gids, bool Recursive)
{
    private const string Word = "idmap=", RecursiveWord = "ridmap=";
    /// <summary>The kernel takes no more (user_namespaces(7)).</summary>
    private const int MaxParts = 340;

    public static bool IsOne(string word) => word.StartsWith(Word, StringComparison.Ordinal) || word.StartsWith(RecursiveWord, StringComparison.Ordinal);

    /// <summary>Null for what is none.</summary>
    public static IdMapOption? TryParse(string word)
    {
        if (!IsOne(word)) return null;
        List<IdMapping>? uids = null, gids = null;
        foreach (var part in word[(word.IndexOf('=') + 1)..].Split(';'))
        {
            if (part.StartsWith("uids=", StringComparison.Ordinal) && uids is null) uids = ParseMaps(part["uids=".Length..]);
            else if (part.StartsWith("gids=", StringComparison.Ordinal) && gids is null) gids = ParseMaps(part["gids=".Length..]);
            else return null;
        }
        // The kernel wants both: one alone says the other.
        return (uids ?? gids) is null || uids is { Count: 0 } || gids is { Count: 0 } ? null : new IdMapOption(uids ?? gids!, gids ?? uids!, word.StartsWith(RecursiveWord, StringComparison.Ordinal));
    }

    /// <summary>Empty for what cannot be read.</summary>
    private static List<IdMapping> ParseMaps(string text)
    {
        var maps = new List<IdMapping>();
        foreach (var part in text.Split('#'))
        {
            if (part.Split('-') is not [var from, var to, var size] || !TryNumber(from, out uint first) || !TryNumber(to, out uint second) || !TryNumber(size, out uint count) || count == 0 || maps.Count == MaxParts) return [];
            maps.Add(new IdMapping { ContainerId = first, HostId = second, Size = count });
        }
        return maps;
    }

    private static bool TryNumber(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
