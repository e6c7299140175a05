using System.Globalization;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Options of the log drivers that send lines on, with docker's messages.</summary>
internal static class RemoteLogRules
{
    private static readonly string[] Attributes = ["env", "env-regex", "labels", "labels-regex", "tag"];
    private static readonly string[] Syslog =
        ["syslog-address", "syslog-facility", "syslog-format", "syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key", "syslog-tls-skip-verify", .. Attributes];
    private static readonly string[] Gelf = ["gelf-address", "gelf-compression-level", "gelf-compression-type", "gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay", .. Attributes];
    private static readonly string[] Fluentd =
    [
        "fluentd-address", "fluentd-async", "fluentd-async-connect", "fluentd-async-reconnect-interval", "fluentd-buffer-limit", "fluentd-max-retries", "fluentd-request-ack",
        "fluentd-retry-wait", "fluentd-sub-second-precision", "fluentd-read-timeout", "fluentd-write-timeout", .. Attributes,
    ];
    private static readonly string[] Facilities =
        ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

    public static void Check(string driver, Dictionary<string, string> options)
    {
        switch (driver)
        {
            case "syslog": CheckSyslog(options); break;
            case "gelf": CheckGelf(options); break;
            case "fluentd": CheckFluentd(options); break;
            case "awslogs" or "gcplogs" or "splunk": CloudLogRules.Check(driver, options); break;
            default: LogRules.RequireKnown(options, Attributes, key => $"unknown log opt '{key}' for journald log driver"); break;
        }
    }

    private static void CheckSyslog(Dictionary<string, string> options)
    {
        LogRules.RequireKnown(options, Syslog, key => $"unknown log opt '{key}' for syslog log driver");
        if (options.GetValueOrDefault("syslog-address") is { Length: > 0 } address)
        {
            var (scheme, rest) = Split(address);
            if (scheme is not ("udp" or "tcp" or "tcp+tls" or "unix" or "unixgram")) throw WharfException.Invalid($"unsupported scheme: '{scheme}'");
            if (scheme is "unix" or "unixgram")
            {
                if (!File.Exists(rest)) throw WharfException.Invalid($"stat {rest}: no such file or directory");
            }
            else RequirePort(rest, $"invalid syslog-address: {address}");
        }
        if (options.GetValueOrDefault("syslog-facility") is { Length: > 0 } facility && Array.IndexOf(Facilities, facility) < 0 &&
            !(int.TryParse(facility, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= 23)) throw WharfException.Invalid("invalid syslog facility");
        if (options.GetValueOrDefault("syslog-format") is not (null or "" or "rfc3164" or "rfc5424" or "rfc5424micro")) throw WharfException.Invalid("Invalid syslog format");
        foreach (var key in (ReadOnlySpan<string>)["syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key"])
            if (options.GetValueOrDefault(key) is { Length: > 0 } path && !File.Exists(path)) throw WharfException.Invalid($"invalid {key}: stat {path}: no such file or directory");
    }

    private static void CheckGelf(Dictionary<string, string> options)
    {
        if (options.GetValueOrDefault("gelf-address") is not { Length: > 0 } address) throw WharfException.Invalid("gelf-address is a required parameter");
        var (scheme, rest) = Split(address);
        if (scheme is not ("udp" or "tcp")) throw WharfException.Invalid("gelf: endpoint needs to be TCP or UDP");
        if (!RequirePort(rest, "gelf: please provide gelf-address as proto://host:port")) throw WharfException.Invalid("gelf: please provide gelf-address as proto://host:port");
        LogRules.RequireKnown(options, Gelf, key => $"unknown log opt '{key}' for gelf log driver");
        if (options.GetValueOrDefault("gelf-compression-level") is { } level)
        {
            if (scheme != "udp") throw WharfException.Invalid("compression is only supported on UDP");
            if (!int.TryParse(level, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) || value is < -1 or > 9) throw Unknown("gelf-compression-level", level);
        }
        if (options.GetValueOrDefault("gelf-compression-type") is { } type)
        {
            if (scheme != "udp") throw WharfException.Invalid("compression is only supported on UDP");
            if (type is not ("gzip" or "zlib" or "none")) throw Unknown("gelf-compression-type", type);
        }
        foreach (var key in (ReadOnlySpan<string>)["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"])
        {
            if (options.GetValueOrDefault(key) is not { } text) continue;
            if (scheme != "tcp") throw WharfException.Invalid($"\"{key}\" is only valid for TCP");
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _)) throw WharfException.Invalid($"\"{key}\" must be a positive integer");
        }
    }

    private static WharfException Unknown(string option, string value) => WharfException.Invalid($"unknown value \"{value}\" for log opt \"{option}\" for gelf log driver");

    private static void CheckFluentd(Dictionary<string, string> options)
    {
        LogRules.RequireKnown(options, Fluentd, key => $"unknown log opt '{key}' for fluentd log driver");
        if (options.GetValueOrDefault("fluentd-address") is { Length: > 0 } address)
        {
            var (scheme, rest) = address.Contains("://", StringComparison.Ordinal) ? Split(address) : ("tcp", address);
            if (scheme is not ("tcp" or "unix" or "tls")) throw WharfException.Invalid($"invalid fluentd-address ({address}): unsupported scheme: '{scheme}'");
            if (scheme != "unix") RequirePort(rest, $"invalid fluentd-address ({address}): parse \"{scheme}://{rest}\": invalid port \":{rest[(rest.LastIndexOf(':') + 1)..]}\" after host");
        }
        foreach (var key in (ReadOnlySpan<string>)["fluentd-async", "fluentd-async-connect", "fluentd-sub-second-precision", "fluentd-request-ack"])
            if (options.GetValueOrDefault(key) is { Length: > 0 } flag && Specs.GoSyntax.Bool(flag) is null) throw WharfException.Invalid($"strconv.ParseBool: parsing \"{flag}\": invalid syntax");
        if (options.GetValueOrDefault("fluentd-buffer-limit") is { Length: > 0 } limit && LogRules.ParseSize(limit) is null) throw WharfException.Invalid($"invalid size: '{limit}'");
        foreach (var key in (ReadOnlySpan<string>)["fluentd-retry-wait", "fluentd-async-reconnect-interval", "fluentd-read-timeout", "fluentd-write-timeout"])
            if (options.GetValueOrDefault(key) is { Length: > 0 } time && !ContainerFilters.TryDuration(time, out _)) throw WharfException.Invalid($"time: invalid duration \"{time}\"");
        if (options.GetValueOrDefault("fluentd-max-retries") is { Length: > 0 } retries && !uint.TryParse(retries, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw WharfException.Invalid($"strconv.ParseUint: parsing \"{retries}\": invalid syntax");
    }

    /// <summary>Options in the forms the shim takes: durations as milliseconds, formats of times as patterns.</summary>
    public static Dictionary<string, string> Normalize(string driver, Dictionary<string, string> options)
    {
        var own = options.Where(option => option.Key.StartsWith(driver == "gcplogs" ? "gcp-" : driver + "-", StringComparison.Ordinal)).ToDictionary();
        foreach (var key in (ReadOnlySpan<string>)["fluentd-retry-wait", "fluentd-write-timeout"])
            if (own.Remove(key, out var text) && ContainerFilters.TryDuration(text, out var time)) own[key + "-ms"] = time.TotalMilliseconds.ToString(CultureInfo.InvariantCulture);
        if (own.Remove("fluentd-async-connect", out var connect)) own.TryAdd("fluentd-async", connect);
        if (own.Remove("awslogs-datetime-format", out var format)) own["awslogs-multiline-pattern"] = CloudLogRules.PatternOf(format);
        return own;
    }

    private static (string Scheme, string Place) Split(string address)
    {
        int at = address.IndexOf("://", StringComparison.Ordinal);
        return at < 0 ? ("", address) : (address[..at], address[(at + 3)..]);
    }

    /// <summary>Whether there is a port; one that is no number is an error.</summary>
    private static bool RequirePort(string hostPort, string message)
    {
        int colon = hostPort.LastIndexOf(':');
        if (colon < 0 || hostPort.EndsWith(']')) return false;
        if (!ushort.TryParse(hostPort.AsSpan(colon + 1).TrimEnd('/'), NumberStyles.None, CultureInfo.InvariantCulture, out _)) throw WharfException.Invalid(message);
        return true;
    }
}
