using System.Globalization;
using System.Net;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>Checks of single values as they are typed; each gives the value back or throws <see cref="FormatException"/> with docker's words.</summary>
internal static class FlagChecks
{
    public static string AddHost(string text)
    {
        // Both host:ip and host=ip; an IPv6 address may stand in brackets.
        var at = text.IndexOf('=') is >= 0 and var equals ? equals : text.IndexOf(':');
        if (at <= 0) throw new FormatException($"bad format for add-host: {Quoting.Quote(text)}");
        var address = text[(at + 1)..];
        if (address is ['[', .., ']']) address = address[1..^1];
        if (address != "host-gateway" && !IPAddress.TryParse(address, out _)) throw new FormatException($"invalid IP address in add-host: {Quoting.Quote(address)}");
        return $"{text[..at]}:{address}";
    }

    public static string Address(string text)
        => IPAddress.TryParse(text.Trim(), out var address) && text.Trim() is var trimmed && (trimmed.Contains(':') || trimmed.Count(c => c == '.') == 3) ? address.ToString() : throw new FormatException($"IP address is not correctly formatted: {text}");

    public static string Stream(string text)
        => text.ToLowerInvariant() is "stdin" or "stdout" or "stderr" ? text.ToLowerInvariant() : throw new FormatException("valid streams are STDIN, STDOUT and STDERR");

    /// <summary>A domain to search in, or a point for none.</summary>
    public static string SearchDomain(string text)
    {
        var domain = text.Trim();
        return domain == "." || (domain.Length < 255 && domain.Any(char.IsAsciiLetter) && (domain.EndsWith('.') ? domain[..^1] : domain).Split('.').All(IsDomainPart))
            ? domain : throw new FormatException($"{text} is not a valid domain");
    }

    private static bool IsDomainPart(string part) => part != "" && part[0] != '-' && part[^1] != '-' && part.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-');

    public static string Link(string text)
        => text == "" ? throw new FormatException("empty string specified for links") : text.Count(static c => c == ':') > 1 ? throw new FormatException($"bad format for links: {text}") : text;

    public static string Label(string text)
        => text == "" || text[0] == '=' ? throw new FormatException($"invalid label '{text}': empty name") : text;

    public static string Variable(string text)
        => text == "" || text[0] == '=' ? throw new FormatException($"invalid environment variable: {text}") : text;

    public static string Sysctl(string text)
    {
        string[] allowed = ["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.domainname"];
        var key = text.Split('=', 2);
        if (key.Length < 2) throw new FormatException($"sysctl '{text}' is not allowed");
        return allowed.Contains(key[0]) || key[0].StartsWith("net.", StringComparison.Ordinal) || key[0].StartsWith("fs.mqueue.", StringComparison.Ordinal)
            ? text : throw new FormatException($"sysctl '{text}' is not allowed");
    }

    public static void Duration(string text) => Units.ParseDuration(text);

    public static string WeightDevice(string text)
    {
        var (path, value) = SplitDevice(text);
        if (!ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var weight) || (weight > 0 && weight is < 10 or > 1000)) throw new FormatException($"invalid weight for device: {text}");
        return $"{path}:{weight}";
    }

    public static string ThrottleBytes(string text)
    {
        var (_, value) = SplitDevice(text);
        try
        {
            Units.ParseBytes(value);
            return text;
        }
        catch (FormatException)
        {
            throw new FormatException($"invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb");
        }
    }

    public static string ThrottleCount(string text)
        => ulong.TryParse(SplitDevice(text).Value, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? text : throw new FormatException($"invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer");

    private static (string Path, string Value) SplitDevice(string text)
    {
        var at = text.IndexOf(':');
        if (at <= 0) throw new FormatException($"bad format: {text}");
        return text.StartsWith("/dev/", StringComparison.Ordinal) ? (text[..at], text[(at + 1)..]) : throw new FormatException($"bad format for device path: {text}");
    }

    /// <summary>A kind, <c>major:minor</c> with stars for any, and the access: <c>c 1:* rwm</c>.</summary>
    public static string DeviceCgroupRule(string text)
        => text.Split(' ') is [("a" or "b" or "c"), var device, { Length: >= 1 and <= 3 } access] && access.All(c => c is 'r' or 'w' or 'm')
            && device.Split(':') is [var major, var minor] && IsNumberOrStar(major) && IsNumberOrStar(minor)
            ? text : throw new FormatException($"invalid device cgroup format '{text}'");

    private static bool IsNumberOrStar(string text) => text == "*" || (text != "" && text.All(char.IsAsciiDigit));

    public static string Network(string text)
    {
        try
        {
            NetworkSpec.Parse(text);
            return text;
        }
        catch (CommandLine.CliException e)
        {
            throw new FormatException(e.Message, e);
        }
    }

    public static string Gpus(string text)
    {
        GpuSpec.Parse(text);
        return text;
    }
}
