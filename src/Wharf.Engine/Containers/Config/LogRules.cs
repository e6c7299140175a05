using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers.Config;

/// <summary>Log drivers and their options: checked at create, turned into what the shim writes to at start.</summary>
internal static class LogRules
{
    private static readonly string[] Options =
        ["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"];

    public static void Check(HostConfigLogConfig? log)
    {
        var driver = log?.Type ?? "";
        if (driver is not ("" or "json-file" or "none"))
            throw WharfException.Invalid($"error looking up logging plugin {driver}: plugin \"{driver}\" not found");
        if (driver == "none") return;
        foreach (var (key, value) in log?.Config ?? [])
        {
            if (Array.IndexOf(Options, key) < 0) throw WharfException.Invalid($"unknown log opt '{key}' for json-file log driver");
            switch (key)
            {
                case "mode" when value is not ("" or "blocking" or "non-blocking"):
                    throw WharfException.Invalid($"logger: logging mode not supported: {value}");
                case "max-size" or "max-buffer-size" when ParseSize(value) is null:
                    throw WharfException.Invalid($"invalid value for {key}: \"{value}\"");
                case "max-file" when !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1:
                    throw WharfException.Invalid($"invalid value for max-file: \"{value}\": must be a positive number");
                case "compress" when value is not ("true" or "false" or "1" or "0"):
                    throw WharfException.Invalid($"invalid value for compress: \"{value}\"");
            }
        }
        if (log?.Config?.ContainsKey("max-size") != true && log?.Config is { } config && config.TryGetValue("compress", out var compress) && compress is "true" or "1")
            throw WharfException.Invalid("compress cannot be true when max-file is less than 2 or max-size is not set");
    }

    /// <summary>Where the shim is to write the output of a container; <paramref name="path"/> is its log file.</summary>
    public static LogTarget Target(HostConfigLogConfig? log, string path, ContainerConfig config, string id, string name)
    {
        if (log?.Type == "none") return new LogTarget { Driver = "none" };
        var options = log?.Config ?? [];
        return new LogTarget
        {
            Driver = "json-file",
            Path = path,
            MaxSize = options.TryGetValue("max-size", out var size) ? ParseSize(size) : null,
            MaxFile = options.TryGetValue("max-file", out var files) ? int.Parse(files, CultureInfo.InvariantCulture) : null,
            Compress = options.GetValueOrDefault("compress") is "true" or "1",
            Attributes = Attributes(options, config, id, name),
        };
    }

    /// <summary>The labels, variables and tag that are written with each line, when asked for.</summary>
    private static Dictionary<string, string>? Attributes(Dictionary<string, string> options, ContainerConfig config, string id, string name)
    {
        var attributes = new Dictionary<string, string>();
        foreach (var label in Split(options.GetValueOrDefault("labels")))
            if (config.Labels?.TryGetValue(label, out var value) == true) attributes[label] = value;
        foreach (var wanted in Split(options.GetValueOrDefault("env")))
        {
            var variable = config.Env?.Find(entry => ConfigMerge.Name(entry) == wanted && entry.Length > wanted.Length);
            if (variable is not null) attributes[wanted] = variable[(wanted.Length + 1)..];
        }
        if (options.TryGetValue("tag", out var tag) && tag.Length > 0)
            attributes["tag"] = tag.Replace("{{.ID}}", id[..12]).Replace("{{.FullID}}", id).Replace("{{.Name}}", name);
        return attributes.Count == 0 ? null : attributes;
    }

    private static string[] Split(string? list) => list?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

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
