using System.Text;

namespace Wharf.Linux.Mounts;

/// <summary>A mount of this process's namespace, as a line of proc(5) mountinfo tells it.</summary>
/// <param name="Place">Where it is mounted.</param>
/// <param name="Optional">How it is tied to others: <c>shared:N</c>, <c>master:N</c>.</param>
/// <param name="Source">What its file system calls its device.</param>
public sealed record MountInfo(string Place, IReadOnlyList<string> Optional, string Source)
{
    public static IEnumerable<MountInfo> All() => Parse(File.ReadLines("/proc/self/mountinfo"));

    /// <summary>In the order of the lines: of two on one place the later lies above.</summary>
    public static IEnumerable<MountInfo> Parse(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            var fields = line.Split(' ');
            // Any number of optional fields, a dash, the type, the source.
            int dash = fields.Length > 6 ? Array.IndexOf(fields, "-", 6) : -1;
            if (dash >= 0 && dash + 2 < fields.Length) yield return new MountInfo(Unescape(fields[4]), fields[6..dash], Unescape(fields[dash + 2]));
        }
    }

    /// <summary>Space, tab, line end and backslash stand as a backslash and three octal digits.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\')) return field;
        var text = new StringBuilder();
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] != '\\' || i + 3 >= field.Length)
            {
                text.Append(field[i]);
                continue;
            }
            text.Append((char)((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0')));
            i += 3;
        }
        return text.ToString();
    }
}
