using System.Globalization;
using System.Text;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Who a process runs as. <see cref="Groups"/> always holds the primary group (CVE-2022-36109).</summary>
internal sealed record ResolvedUser(uint Uid, uint Gid, IReadOnlyList<uint> Groups, string Home, string? Name);

/// <summary>
/// An image's passwd and group files (passwd(5), group(5)), read strictly: a line that is not right in every field that counts is not
/// there. Numeric means numeric: a number is never looked up as a name (CVE-2016-3697), and IDs stay within 31 bits (CVE-2024-40635).
/// </summary>
internal sealed class UserDatabase
{
    private const uint MaxId = int.MaxValue;

    private sealed record UserEntry(string Name, uint Uid, uint Gid, string Home);
    private sealed record GroupEntry(string Name, uint Gid, string[] Members);

    private readonly List<UserEntry> _users;
    private readonly List<GroupEntry> _groups;

    private UserDatabase(List<UserEntry> users, List<GroupEntry> groups) => (_users, _groups) = (users, groups);

    public static UserDatabase Parse(ReadOnlySpan<byte> passwd, ReadOnlySpan<byte> group)
    {
        var users = new List<UserEntry>();
        foreach (var fields in Lines(passwd))
        {
            if (fields.Length != 7 || fields[0].Length == 0 || !TryId(fields[2], out uint uid) || !TryId(fields[3], out uint gid)) continue;
            users.Add(new UserEntry(fields[0], uid, gid, IsPlainPath(fields[5]) ? fields[5] : "/"));
        }
        var groups = new List<GroupEntry>();
        foreach (var fields in Lines(group))
        {
            if (fields.Length != 4 || fields[0].Length == 0 || !TryId(fields[2], out uint gid)) continue;
            groups.Add(new GroupEntry(fields[0], gid, fields[3].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)));
        }
        return new UserDatabase(users, groups);
    }

    /// <summary>Resolves docker's <c>user[:group]</c>, each a name or a number; empty is root. <paramref name="extra"/> are further groups.</summary>
    public ResolvedUser Resolve(string? user, IReadOnlyList<string>? extra = null)
    {
        var spec = user ?? "";
        int colon = spec.IndexOf(':');
        var userPart = colon < 0 ? spec : spec[..colon];
        var groupPart = colon < 0 ? "" : spec[(colon + 1)..];
        var entry = FindUser(userPart, out uint uid);
        uint gid = entry?.Gid ?? 0;
        List<uint> groups = [];
        if (groupPart.Length > 0) gid = FindGroup(groupPart);
        else if (entry is not null) groups.AddRange(_groups.Where(group => group.Members.Contains(entry.Name)).Select(group => group.Gid));
        groups.Remove(gid);
        groups.Insert(0, gid);
        foreach (var name in extra ?? [])
        {
            uint id = FindGroup(name);
            if (!groups.Contains(id)) groups.Add(id);
        }
        return new ResolvedUser(uid, gid, groups, entry?.Home is { Length: > 0 } home ? home : "/", entry?.Name);
    }

    private UserEntry? FindUser(string user, out uint uid)
    {
        uid = 0;
        if (user.Length == 0) return _users.Find(entry => entry.Uid == 0);
        if (IsNumber(user))
        {
            uint number = uid = RequireId(user);
            return _users.Find(entry => entry.Uid == number);
        }
        var found = _users.Find(entry => entry.Name == user) ?? throw WharfException.Invalid($"unable to find user {user}: no matching entries in passwd file");
        uid = found.Uid;
        return found;
    }

    private uint FindGroup(string group)
    {
        if (IsNumber(group)) return RequireId(group);
        return (_groups.Find(entry => entry.Name == group) ?? throw WharfException.Invalid($"unable to find group {group}: no matching entries in group file")).Gid;
    }

    /// <summary>Any form that atoi would take is a number here, so that <c>+0</c> or <c>-1</c> can never be a name.</summary>
    private static bool IsNumber(string text) => text.AsSpan(text[0] is '-' or '+' ? 1 : 0) is { Length: > 0 } digits && !digits.ContainsAnyExceptInRange('0', '9');

    private static uint RequireId(string text) => TryId(text, out uint id) ? id : throw WharfException.Invalid("uids and gids must be in range 0-2147483647");

    private static bool TryId(string text, out uint id) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id <= MaxId;

    /// <summary>A home that could forge another environment variable or line is not taken.</summary>
    private static bool IsPlainPath(string path) => path.All(character => !char.IsControl(character));

    private static List<string[]> Lines(ReadOnlySpan<byte> file)
    {
        var lines = new List<string[]>();
        foreach (var range in file.Split((byte)'\n'))
        {
            var line = file[range];
            // No honest line is longer; splitting a giant one into strings is how memory goes (CVE-2025-4437).
            if (line.Length is 0 or > 65536 || line[0] == (byte)'#' || line.Contains((byte)0)) continue;
            lines.Add(Encoding.UTF8.GetString(line).Trim().Split(':'));
        }
        return lines;
    }
}
