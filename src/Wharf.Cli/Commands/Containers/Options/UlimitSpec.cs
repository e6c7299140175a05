using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary><c>name=soft[:hard]</c>.</summary>
internal static class UlimitSpec
{
    private static readonly string[] Names = ["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"];

    public static HostConfigUlimits Parse(string text)
    {
        var parts = text.Split('=', 2);
        if (parts.Length != 2) throw new FormatException($"invalid ulimit argument: {text}");
        if (!Names.Contains(parts[0])) throw new FormatException($"invalid ulimit type: {parts[0]}");
        var limits = parts[1].Split(':');
        if (limits.Length > 2) throw new FormatException($"too many limit value arguments - {parts[1]}, can only have up to two, `soft[:hard]`");
        var soft = Number(limits[0]);
        var hard = limits.Length == 2 ? Number(limits[1]) : soft;
        // -1 stands for unlimited.
        if (hard != -1 && (soft == -1 || soft > hard)) throw new FormatException($"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}");
        return new HostConfigUlimits { Name = parts[0], Soft = soft, Hard = hard };
    }

    private static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : throw new FormatException($"strconv.ParseInt: parsing {Output.Quoting.Quote(text)}: invalid syntax");
}
