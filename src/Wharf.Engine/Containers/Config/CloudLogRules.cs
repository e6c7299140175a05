using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Options of the log drivers of services in the cloud, with docker's messages: awslogs, gcplogs, splunk.</summary>
internal static class CloudLogRules
{
    private static readonly string[] Attributes = ["env", "env-regex", "labels", "labels-regex"];
    private static readonly string[] Aws =
    [
        "awslogs-group", "awslogs-stream", "awslogs-create-group", "awslogs-create-stream", "awslogs-region", "awslogs-endpoint", "awslogs-datetime-format", "awslogs-multiline-pattern",
        "awslogs-credentials-endpoint", "awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events", "awslogs-format", "tag",
    ];
    private static readonly string[] Gcp = ["gcp-project", "gcp-log-cmd", "gcp-meta-zone", "gcp-meta-name", "gcp-meta-id", .. Attributes];
    private static readonly string[] Splunk =
    [
        "splunk-url", "splunk-token", "splunk-source", "splunk-sourcetype", "splunk-index", "splunk-capath", "splunk-caname", "splunk-insecureskipverify", "splunk-format",
        "splunk-verify-connection", "splunk-gzip", "splunk-gzip-level", "splunk-index-acknowledgment", "tag", .. Attributes,
    ];

    public static void Check(string driver, Dictionary<string, string> options)
    {
        switch (driver)
        {
            case "awslogs": CheckAws(options); break;
            case "gcplogs":
                LogRules.RequireKnown(options, Gcp, key => $"\"{key}\" is not a valid option for the gcplogs driver");
                RequireBool(options, "gcp-log-cmd");
                break;
            default: CheckSplunk(options); break;
        }
    }

    private static void CheckAws(Dictionary<string, string> options)
    {
        LogRules.RequireKnown(options, Aws, key => $"unknown log opt '{key}' for awslogs log driver");
        if (options.GetValueOrDefault("awslogs-group") is not { Length: > 0 }) throw WharfException.Invalid("must specify a value for log opt 'awslogs-group'");
        foreach (var key in (ReadOnlySpan<string>)["awslogs-create-group", "awslogs-create-stream"])
            if (options.GetValueOrDefault(key) is { Length: > 0 } text && Specs.GoSyntax.Bool(text) is null) throw WharfException.Invalid($"must specify valid value for log opt '{key}': strconv.ParseBool: parsing \"{text}\": invalid syntax");
        foreach (var key in (ReadOnlySpan<string>)["awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"])
            if (options.GetValueOrDefault(key) is { } text && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0)) throw WharfException.Invalid($"must specify a positive integer for log opt '{key}': {text}");
        bool hasTime = options.ContainsKey("awslogs-datetime-format"), hasPattern = options.ContainsKey("awslogs-multiline-pattern");
        if (hasTime && hasPattern) throw WharfException.Invalid("you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time");
        if ((hasTime || hasPattern) && options.ContainsKey("awslogs-format"))
            throw WharfException.Invalid("you cannot configure log opt 'awslogs-datetime-format' or 'awslogs-multiline-pattern' when log opt 'awslogs-format' is set to 'json/emf'");
        if (options.GetValueOrDefault("awslogs-format") is not (null or "" or "json/emf") and var format) throw WharfException.Invalid($"unsupported log format '{format}'");
        if (options.GetValueOrDefault("awslogs-multiline-pattern") is { } pattern)
        {
            try { _ = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant); }
            catch (Exception error) when (error is ArgumentException or NotSupportedException) { throw WharfException.Invalid($"awslogs could not parse multiline pattern key \"{pattern}\""); }
        }
        if (options.GetValueOrDefault("awslogs-endpoint") is { Length: > 0 } endpoint && !IsHttp(endpoint)) throw WharfException.Invalid($"invalid awslogs-endpoint: {endpoint}: expected http:// or https://");
    }

    private static void CheckSplunk(Dictionary<string, string> options)
    {
        LogRules.RequireKnown(options, Splunk, key => $"unknown log opt '{key}' for splunk log driver");
        if (options.GetValueOrDefault("splunk-url") is not { Length: > 0 } url) throw WharfException.Invalid("splunk: splunk-url is expected");
        if (!IsHttp(url) || new Uri(url) is not { PathAndQuery: "/" or "" }) throw WharfException.Invalid("splunk: expected format scheme://dns_name_or_ip:port for splunk-url");
        if (options.GetValueOrDefault("splunk-token") is not { Length: > 0 }) throw WharfException.Invalid("splunk: splunk-token is expected");
        if (options.GetValueOrDefault("splunk-format") is not (null or "inline" or "json" or "raw") and var format) throw WharfException.Invalid($"splunk: unknown format specified {format}, supported formats are inline, json and raw");
        foreach (var key in (ReadOnlySpan<string>)["splunk-insecureskipverify", "splunk-verify-connection", "splunk-gzip", "splunk-index-acknowledgment"]) RequireBool(options, key);
        if (options.GetValueOrDefault("splunk-gzip-level") is { } level && !(int.TryParse(level, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number is >= -1 and <= 9))
            throw WharfException.Invalid($"splunk: not supported level '{level}' for splunk-gzip-level (supported values between -1 and 9)");
        if (options.GetValueOrDefault("splunk-capath") is { Length: > 0 } path && !File.Exists(path)) throw WharfException.Invalid($"splunk: invalid splunk-capath: open {path}: no such file or directory");
    }

    private static bool IsHttp(string url) => Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https" && parsed.Host.Length > 0;

    private static void RequireBool(Dictionary<string, string> options, string key)
    {
        if (options.GetValueOrDefault(key) is { } text && Specs.GoSyntax.Bool(text) is null) throw WharfException.Invalid($"invalid value for {key}: strconv.ParseBool: parsing \"{text}\": invalid syntax");
    }

    /// <summary>A strftime format as the pattern of a line that has such a time.</summary>
    public static string PatternOf(string timeFormat)
    {
        var pattern = new StringBuilder();
        for (int i = 0; i < timeFormat.Length; i++)
        {
            if (timeFormat[i] != '%' || i + 1 == timeFormat.Length)
            {
                pattern.Append(Regex.Escape(timeFormat[i].ToString()));
                continue;
            }
            pattern.Append(timeFormat[++i] switch
            {
                'A' => "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
                'a' => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
                'B' => "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
                'b' => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
                'Y' => @"[0-9]{4}",
                'y' or 'm' or 'd' or 'H' or 'I' or 'M' or 'S' => @"[0-9]{2}",
                'j' or 'L' => @"\.?[0-9]{3}",
                'f' => @"[0-9]{6}",
                'p' => "[AP]M",
                'w' => "[0-6]",
                'Z' => "[A-Z]{1,4}T",
                'z' => @"[+-][0-9]{4}",
                '%' => "%",
                var other => Regex.Escape(other.ToString()),
            });
        }
        return pattern.ToString();
    }
}
