using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>The environment that a program is given: of two entries for a name the last counts, and a user who has no HOME gets one, as the other runtimes do it.</summary>
internal static class ProcessEnvironment
{
    private const int MostPasswd = 1 << 20;

    public static IReadOnlyList<string> Of(Process process, Fd root)
    {
        var given = process.Env ?? [];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var kept = new List<string>(given.Count + 1);
        for (int i = given.Count - 1; i >= 0; i--)
        {
            if (given[i].Contains('\0')) throw WharfException.Invalid($"invalid environment variable \"{given[i].Replace("\0", "\\x00", StringComparison.Ordinal)}\": contains nul byte (\\x00)");
            int at = given[i].IndexOf('=');
            var name = at < 0 ? given[i] : given[i][..at];
            if (name == "HOME" && at == given[i].Length - 1) continue;
            if (seen.Add(name)) kept.Add(given[i]);
        }
        kept.Reverse();
        if (!seen.Contains("HOME")) kept.Add("HOME=" + HomeOf(process.User.Uid, root));
        return kept;
    }

    private static string HomeOf(uint uid, Fd root)
    {
        using var file = OpenAt.TryInRoot(root, "/etc/passwd", O.RDONLY | O.NONBLOCK | O.NOCTTY, 0, Resolve.NoMagiclinks, out _);
        if (file is null || !FileStat.Of(file).IsRegular) return "/";
        var buffer = new byte[(int)Math.Min(FileStat.Of(file).Size, MostPasswd)];
        var text = Encoding.UTF8.GetString(buffer, 0, FileAt.ReadAt(file.Value, buffer, 0));
        var wanted = uid.ToString(CultureInfo.InvariantCulture);
        foreach (var line in text.Split('\n'))
            if (line.Split(':') is [_, _, var number, _, _, { Length: > 0 } home, ..] && number == wanted) return home;
        return "/";
    }
}
