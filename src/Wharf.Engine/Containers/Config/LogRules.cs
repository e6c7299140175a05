using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers.Config;

/// <summary>Log drivers and their options: checked at create, turned into what the shim writes to at start.</summary>
internal static class LogRules
{
    /// <summary>The drivers there are, as <c>info</c> lists them.</summary>
    public static readonly string[] Drivers = ["awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "k8s-file", "local", "passthrough", "splunk", "syslog"];

    /// <summary>podman's: the process writes to the streams of the client that starts it.</summary>
    public const string Passthrough = "passthrough";

    /// <summary>
    /// The driver of containers whose daemon names none. Not local: python's docker client returns the output of <c>containers.run</c> only where the
    /// driver is json-file or journald. It is rotated all the same, so that no log fills the disk.
    /// </summary>
    public const string Default = "json-file";

    private static readonly string[] Common = ["mode", "max-buffer-size"];
    private static readonly string[] Cache = ["cache-disabled", "cache-max-file", "cache-max-size", "cache-compress"];
    private static readonly string[] Files = ["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"];

    private const long DefaultJsonSize = 100L << 20, DefaultLocalSize = 20L << 20, DefaultBuffer = 1L << 20;
    private const int DefaultFiles = 5;

    /// <summary>The daemon's driver where none was asked for, and its options wherever its driver is used.</summary>
    public static HostConfigLogConfig WithDefaults(HostConfigLogConfig? asked, DaemonOptions options)
    {
        var driver = asked?.Type is { Length: > 0 } type ? type : options.LogDriver;
        var config = new Dictionary<string, string>(asked?.Config ?? []);
        if (driver == options.LogDriver)
            foreach (var (key, value) in options.LogOptions) config.TryAdd(key, value);
        return new HostConfigLogConfig { Type = driver, Config = config };
    }

    public static void Check(HostConfigLogConfig? log)
    {
        var driver = log?.Type is { Length: > 0 } type ? type : Default;
        if (driver == "none") return;
        bool program = LogProgram.IsNamedBy(driver);
        if (!program && Array.IndexOf(Drivers, driver) < 0) throw WharfException.Invalid($"error looking up logging plugin {driver}: plugin \"{driver}\" not found");
        var options = log?.Config ?? [];
        CheckMode(options);
        var own = options.Where(option => Array.IndexOf(Common, option.Key) < 0).ToDictionary();
        if (program) CheckProgram(driver, own);
        else if (driver == Passthrough) RequireKnown(options, [], key => $"unknown log opt '{key}' for passthrough log driver");
        else if (IsFile(driver)) RequireKnown(own, Files, key => $"unknown log opt '{key}' for {(driver == "local" ? "log driver local" : driver + " log driver")}");
        else RemoteLogRules.Check(driver, WithoutCache(own));
        CheckFiles(own);
        if (own.GetValueOrDefault("tag") is { Length: > 0 } tag) LogTag.Check(tag);
    }

    private static Dictionary<string, string> WithoutCache(Dictionary<string, string> options) => options.Where(option => Array.IndexOf(Cache, option.Key) < 0).ToDictionary();

    private static void CheckProgram(string driver, Dictionary<string, string> options)
    {
        LogProgram.Parse(driver);
        RequireKnown(WithoutCache(options), [], key => $"unknown log opt '{key}' for a log program: it has its arguments in the driver's name");
    }

    /// <summary>With the streams of who starts it, a container has no terminal of its own, and nobody could start it again.</summary>
    public static void CheckPassthrough(HostConfig host, ContainerConfig config)
    {
        if (host.LogConfig?.Type != Passthrough) return;
        if (config.Tty == true) throw WharfException.Invalid("the log driver passthrough cannot be used on a terminal");
        if (host.RestartPolicy is { Name: not (null or "" or "no") }) throw WharfException.Invalid("the log driver passthrough cannot be used with a restart policy: a restart has no client whose streams it could have");
    }

    /// <summary>Whether a driver keeps lines in files of its own, and sends none on.</summary>
    private static bool IsFile(string driver) => driver is "json-file" or "k8s-file" or "local";

    internal static void RequireKnown(Dictionary<string, string> options, string[] known, Func<string, string> message)
    {
        foreach (var key in options.Keys)
            if (Array.IndexOf(known, key) < 0) throw WharfException.Invalid(message(key));
    }

    private static void CheckMode(Dictionary<string, string> options)
    {
        var mode = options.GetValueOrDefault("mode") ?? "";
        if (mode is not ("" or "blocking" or "non-blocking")) throw WharfException.Invalid($"logger: logging mode not supported: {mode}");
        if (options.GetValueOrDefault("max-buffer-size") is not { } size) return;
        if (mode != "non-blocking") throw WharfException.Invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
        if (ParseSize(size) is null) throw WharfException.Invalid($"error parsing option max-buffer-size: invalid size: '{size}'");
    }

    /// <summary>docker finds these out at the start only; here they are told while the client still looks.</summary>
    private static void CheckFiles(Dictionary<string, string> options)
    {
        foreach (var prefix in (ReadOnlySpan<string>)["", "cache-"])
        {
            var size = options.GetValueOrDefault(prefix + "max-size");
            if (size is not null and not "-1" && ParseSize(size) is null) throw WharfException.Invalid($"invalid value for {prefix}max-size: \"{size}\"");
            var files = options.GetValueOrDefault(prefix + "max-file");
            if (files is not null && (!int.TryParse(files, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1))
                throw WharfException.Invalid($"invalid value for {prefix}max-file: \"{files}\": max-file cannot be less than 1");
            if (options.GetValueOrDefault(prefix + "compress") is { } compress && Specs.GoSyntax.Bool(compress) is null) throw WharfException.Invalid($"invalid value for {prefix}compress: \"{compress}\"");
        }
    }

    /// <summary>Whether a container's log can be read, and where and in what form it is; null when it cannot.</summary>
    public static (string Path, Logs.LogFormat Format)? Readable(HostConfigLogConfig? log, string directory, string id) => log?.Type switch
    {
        "none" or Passthrough => null,
        null or "" or "json-file" => (JsonPath(directory, id), Logs.LogFormat.JsonFile),
        "k8s-file" => (Path.Combine(directory, "ctr.log"), Logs.LogFormat.K8sFile),
        "local" => (Path.Combine(directory, "local-logs", "container.log"), Logs.LogFormat.Local),
        _ => Specs.GoSyntax.Bool(log.Config?.GetValueOrDefault("cache-disabled") ?? "") == true ? null : (Path.Combine(directory, "container-cached.log"), Logs.LogFormat.Local),
    };

    public static string JsonPath(string directory, string id) => Path.Combine(directory, id + "-json.log");

    /// <summary>Where the shim is to write the output of a container; <paramref name="directory"/> is where its files are.</summary>
    public static LogTarget Target(HostConfigLogConfig? log, string directory, ContainerConfig config, LogSource source)
    {
        var driver = log?.Type is { Length: > 0 } type ? type : Default;
        if (driver is "none" or Passthrough) return new LogTarget { Driver = driver };
        var options = log?.Config ?? [];
        bool remote = !IsFile(driver);
        var program = LogProgram.IsNamedBy(driver) ? LogProgram.Parse(driver) : null;
        var prefix = remote ? "cache-" : "";
        var size = options.GetValueOrDefault(prefix + "max-size");
        source.Tag = LogTag.Render(options.GetValueOrDefault("tag") is { Length: > 0 } tag ? tag : driver == "awslogs" ? "{{.FullID}}" : "{{.ID}}", source, config);
        return new LogTarget
        {
            Driver = program is null ? driver : "binary",
            Program = program,
            Path = Readable(log, directory, source.ContainerId)?.Path,
            MaxSize = size == "-1" ? null : size is not null ? ParseSize(size) : driver is "json-file" or "k8s-file" ? DefaultJsonSize : DefaultLocalSize,
            // With a size of the user's, docker's json-file keeps one file.
            MaxFile = options.TryGetValue(prefix + "max-file", out var files) ? int.Parse(files, CultureInfo.InvariantCulture) : driver == "json-file" && size is not null ? 1 : DefaultFiles,
            Compress = Specs.GoSyntax.Bool(options.GetValueOrDefault(prefix + "compress") ?? "") ?? driver is not ("json-file" or "k8s-file"),
            Attributes = LogAttributes.Of(options, config, source.Tag),
            DropBeyond = options.GetValueOrDefault("mode") == "non-blocking" ? (options.TryGetValue("max-buffer-size", out var buffer) ? ParseSize(buffer) : DefaultBuffer) : null,
            Options = remote && program is null ? RemoteLogRules.Normalize(driver, options) : null,
            Source = remote ? source : null,
        };
    }

    /// <summary>A number with k, m, g or t (powers of 1024), with or without a trailing b; null when it is none.</summary>
    internal static long? ParseSize(string text)
    {
        var value = text.Trim().ToLowerInvariant();
        if (value.EndsWith('b')) value = value[..^1];
        if (value.EndsWith('i')) value = value[..^1];
        int shift = value.Length == 0 ? -1 : value[^1] switch { 'k' => 10, 'm' => 20, 'g' => 30, 't' => 40, _ => 0 };
        if (shift < 0) return null;
        if (shift > 0) value = value[..^1];
        return double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number > 0 && number * Math.Pow(2, shift) < long.MaxValue
            ? (long)(number * Math.Pow(2, shift)) : null;
    }
}
