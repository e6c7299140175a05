using System.Globalization;

namespace Wharf.Specs.Runtime;

/// <summary>The numbers a user may give to processes in a user namespace of his own: what <c>/etc/subuid</c> and <c>/etc/subgid</c> grant him (subuid(5)).</summary>
public static class SubordinateIds
{
    /// <summary>The ranges of a user, who is told by name, or by number where that is known: lines <c>USER:FIRST:COUNT</c>. Lines that say something else grant nothing.</summary>
    public static IEnumerable<(uint First, uint Count)> Of(IEnumerable<string> lines, string name, uint? uid)
    {
        var number = uid?.ToString(CultureInfo.InvariantCulture);
        foreach (var line in lines)
            if (line.Trim().Split(':') is [var user, var first, var count] && (user == name || user == number)
                && uint.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out uint from) && uint.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out uint many) && many > 0)
                yield return (from, many);
    }

    /// <summary>The map of a user namespace in which the user himself is root and the numbers from 1 on are those granted.</summary>
    public static List<IdMapping> Map(uint own, IEnumerable<(uint First, uint Count)> granted)
    {
        var map = new List<IdMapping> { new() { ContainerId = 0, HostId = own, Size = 1 } };
        uint next = 1;
        foreach (var (first, count) in granted)
        {
            map.Add(new IdMapping { ContainerId = next, HostId = first, Size = count });
            next += count;
        }
        return map;
    }
}
