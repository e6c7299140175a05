using System.Globalization;
using Wharf.Linux.Fds;

namespace Wharf.Linux.Namespaces;

/// <summary>Numbers that mean others outside: <paramref name="Count"/> from <paramref name="Inside"/> on are those from <paramref name="Outside"/> on there.</summary>
public readonly record struct IdRange(uint Inside, uint Outside, uint Count);

/// <summary>The user namespace this process is in (user_namespaces(7)); it does not change while the process runs.</summary>
public static class UserNamespace
{
    private static readonly List<IdRange> _users = OwnMap("/proc/self/uid_map"), _groups = OwnMap("/proc/self/gid_map");

    /// <summary>True inside any but the machine's first: no devices can be made there, no attributes of the machine's root set, no limits raised.</summary>
    public static bool IsInner { get; } = _users is not [{ Inside: 0, Outside: 0, Count: uint.MaxValue }];

    /// <summary>Whether files can have this owner and this group.</summary>
    public static bool Has(uint uid, uint gid) => !IsInner || Holds(_users, uid) && Holds(_groups, gid);

    private static bool Holds(List<IdRange> map, uint id) => map.Exists(range => id >= range.Inside && id - range.Inside < range.Count);

    // A kernel without user namespaces has no such file.
    private static List<IdRange> OwnMap(string path) => KernelFile.TryRead(path, out _) is { } text ? Parse(text.Split('\n')) : [new(0, 0, uint.MaxValue)];

    /// <summary>Reads the lines of a map: first number inside, first outside, how many.</summary>
    public static List<IdRange> Parse(IEnumerable<string> lines)
    {
        var map = new List<IdRange>();
        foreach (var line in lines)
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var inside, var outside, var count]) map.Add(new IdRange(Number(inside), Number(outside), Number(count)));
        return map;
    }

    private static uint Number(string text) => uint.Parse(text, CultureInfo.InvariantCulture);
}
