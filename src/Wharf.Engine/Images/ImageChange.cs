using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Dockerfile instructions that change only an image's configuration: <c>commit --change</c>, <c>import --change</c>.</summary>
public static class ImageChange
{
    /// <summary>The value of a set's members in configurations: <c>{}</c>.</summary>
    internal static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement.Clone();

    private static readonly FrozenSet<string> Names = FrozenSet.Create("CMD", "ENTRYPOINT", "ENV", "LABEL", "EXPOSE", "VOLUME", "USER", "WORKDIR", "STOPSIGNAL", "ONBUILD", "HEALTHCHECK");

    /// <summary>Applies instructions in their order. As in a Dockerfile, a new entrypoint takes the command away that was meant for another, unless a new one comes with it.</summary>
    public static void ApplyAll(OciImage image, IReadOnlyList<string> instructions)
    {
        foreach (var instruction in instructions) Apply(image, instruction);
        bool Has(string name) => instructions.Any(instruction => instruction.TrimStart().StartsWith(name + " ", StringComparison.OrdinalIgnoreCase));
        if (Has("ENTRYPOINT") && !Has("CMD")) image.Config!.Cmd = null;
    }

    /// <summary>Applies one instruction to an image's configuration, or InvalidArgument telling why not.</summary>
    public static void Apply(OciImage image, string instruction)
    {
        var config = image.Config ??= new OciImageConfig();
        var line = instruction.Trim();
        int end = line.AsSpan().IndexOfAny(' ', '\t', '\n');
        var name = (end < 0 ? line : line[..end]).ToUpperInvariant();
        var rest = end < 0 ? "" : line[end..].Trim();
        if (rest.Length == 0 && Names.Contains(name)) throw WharfException.Invalid($"{name} requires {(name is "USER" or "WORKDIR" or "STOPSIGNAL" ? "exactly" : "at least")} one argument");
        switch (name)
        {
            case "CMD": config.Cmd = Command(rest); config.ArgsEscaped = null; break;
            case "ENTRYPOINT": config.Entrypoint = Command(rest); break;
            case "ENV": foreach (var (key, value) in Pairs(rest, name)) SetVariable(config.Env ??= [], key, value); break;
            case "LABEL": foreach (var (key, value) in Pairs(rest, name)) (config.Labels ??= [])[key] = value; break;
            case "EXPOSE": foreach (var port in Words(rest).SelectMany(Ports)) (config.ExposedPorts ??= [])[port] = Empty; break;
            case "VOLUME": foreach (var path in Volumes(rest)) (config.Volumes ??= [])[path] = Empty; break;
            case "USER": config.User = One(rest, name); break;
            case "WORKDIR": config.WorkingDir = Join(config.WorkingDir, One(rest, name)); break;
            case "STOPSIGNAL": config.StopSignal = One(rest, name); break;
            case "ONBUILD": (config.OnBuild ??= []).Add(OnBuild(rest)); break;
            case "HEALTHCHECK": config.Healthcheck = Health(rest); break;
            default: throw WharfException.Invalid($"{name} is not a valid change command");
        }
    }

    /// <summary>The exec form is a JSON list of strings; all else is for the shell.</summary>
    private static List<string> Command(string text) => JsonList(text) ?? ["/bin/sh", "-c", text];

    private static List<string>? JsonList(string text)
    {
        if (!text.StartsWith('[')) return null;
        try { return JsonSerializer.Deserialize(text, ImageJson.Default.ListString); }
        catch (JsonException) { return null; }
    }

    internal static void SetVariable(List<string> environment, string key, string value)
    {
        int at = environment.FindIndex(variable => variable.StartsWith(key + "=", StringComparison.Ordinal));
        if (at >= 0) environment[at] = $"{key}={value}";
        else environment.Add($"{key}={value}");
    }

    /// <summary><c>key=value …</c> with quotes and backslashes, or the old form <c>key the rest is the value</c>.</summary>
    private static List<(string Key, string Value)> Pairs(string text, string instruction)
    {
        var words = Words(text);
        var pairs = new List<(string, string)>();
        if (!words[0].Contains('='))
        {
            int space = text.AsSpan().IndexOfAny(' ', '\t');
            if (space < 0) throw WharfException.Invalid($"{instruction} must have two arguments");
            return [(text[..space], text[space..].Trim())];
        }
        foreach (var word in words)
        {
            int equals = word.IndexOf('=');
            if (equals < 0) throw WharfException.Invalid($"Syntax error - can't find = in \"{word}\". Must be of the form: name=value");
            if (equals == 0) throw WharfException.Invalid($"{instruction} names can not be blank");
            pairs.Add((word[..equals], word[(equals + 1)..]));
        }
        return pairs;
    }

    /// <summary>Splits at blanks outside quotes and takes quotes and backslashes away.</summary>
    internal static List<string> Words(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        char quote = '\0';
        bool any = false;
        for (int i = 0; i < text.Length; i++)
        {
            char character = text[i];
            if (character == '\\' && quote != '\'' && i + 1 < text.Length)
            {
                word.Append(text[++i]);
                any = true;
            }
            else if (quote != '\0')
            {
                if (character == quote) quote = '\0';
                else word.Append(character);
            }
            else if (character is '"' or '\'')
            {
                quote = character;
                any = true;
            }
            else if (character is ' ' or '\t')
            {
                if (any) words.Add(word.ToString());
                word.Clear();
                any = false;
            }
            else
            {
                word.Append(character);
                any = true;
            }
        }
        if (quote != '\0') throw WharfException.Invalid($"unexpected end of statement while looking for matching {quote}");
        if (any) words.Add(word.ToString());
        return words;
    }

    /// <summary>The ports of <c>[[ip:]port:]first[-last][/protocol]</c>, each as <c>number/protocol</c>.</summary>
    internal static IEnumerable<string> Ports(string text)
    {
        int slash = text.IndexOf('/');
        var range = slash < 0 ? text : text[..slash];
        // An address and a port of the host before it count for nothing: only running publishes.
        range = range[(range.LastIndexOf(':') + 1)..];
        var ends = range.Split('-');
        var protocol = slash < 0 || slash == text.Length - 1 ? "tcp" : text[(slash + 1)..].ToLowerInvariant();
        ushort last = 0;
        bool valid = ends.Length <= 2 && ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first) &&
            ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out last) && first <= last;
        if (!valid) throw WharfException.Invalid($"Invalid containerPort: {range}");
        if (protocol is not ("tcp" or "udp" or "sctp")) throw WharfException.Invalid($"Invalid proto: {protocol}");
        return Enumerable.Range(ushort.Parse(ends[0], CultureInfo.InvariantCulture), last - ushort.Parse(ends[0], CultureInfo.InvariantCulture) + 1).Select(port => $"{port}/{protocol}");
    }

    private static List<string> Volumes(string text)
    {
        var paths = JsonList(text) ?? Words(text);
        return paths.TrueForAll(path => path.Trim().Length > 0) ? paths : throw WharfException.Invalid("VOLUME specified can not be an empty string");
    }

    private static string One(string text, string instruction) => Words(text) is [var word] ? word : throw WharfException.Invalid($"{instruction} requires exactly one argument");

    private static string Join(string? current, string directory) =>
        directory.StartsWith('/') ? directory : $"{(string.IsNullOrEmpty(current) ? "/" : current).TrimEnd('/')}/{directory}";

    internal static string OnBuild(string text)
    {
        var trigger = text.Split(' ', 2)[0].ToUpperInvariant();
        if (trigger is "ONBUILD") throw WharfException.Invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
        if (trigger is "FROM" or "MAINTAINER") throw WharfException.Invalid($"{trigger} isn't allowed as an ONBUILD trigger");
        return text;
    }

    internal static Healthcheck Health(string text)
    {
        var health = new Healthcheck();
        while (text.StartsWith("--", StringComparison.Ordinal))
        {
            int end = text.IndexOf(' ');
            if (end < 0) throw WharfException.Invalid("Missing argument for HEALTHCHECK");
            SetOption(health, text[2..end]);
            text = text[end..].Trim();
        }
        int space = text.AsSpan().IndexOfAny(' ', '\t');
        var (type, command) = space < 0 ? (text.ToUpperInvariant(), "") : (text[..space].ToUpperInvariant(), text[space..].Trim());
        if (type == "NONE") return command.Length == 0 ? new Healthcheck { Test = ["NONE"] } : throw WharfException.Invalid("HEALTHCHECK NONE takes no arguments");
        if (type != "CMD") throw WharfException.Invalid($"Unknown type \"{type}\" in HEALTHCHECK (try CMD)");
        if (command.Length == 0) throw WharfException.Invalid("Missing command after HEALTHCHECK CMD");
        var list = JsonList(command);
        if (list is { Count: 0 }) throw WharfException.Invalid("Missing command after HEALTHCHECK CMD");
        health.Test = list is not null ? ["CMD", .. list] : ["CMD-SHELL", command];
        return health;
    }

    private static void SetOption(Healthcheck health, string option)
    {
        if (option.Split('=', 2) is not [var name, var value]) throw WharfException.Invalid($"flag needs an argument: --{option}");
        if (name == "retries")
        {
            if (!int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int retries)) throw WharfException.Invalid($"strconv.ParseInt: parsing \"{value}\": invalid syntax");
            health.Retries = retries >= 0 ? retries : throw WharfException.Invalid($"--retries cannot be negative ({value})");
            return;
        }
        var length = value.TrimStart('-', '+');
        // Only zero needs no unit.
        if (length.Length > 0 && length.All(char.IsAsciiDigit)) length += length == "0" ? "s" : throw WharfException.Invalid($"time: missing unit in duration \"{value}\"");
        if (value.Length > length.Length + 1 || !Containers.ContainerFilters.TryDuration(length, out var duration)) throw WharfException.Invalid($"time: invalid duration \"{value}\"");
        long nanoseconds = duration.Ticks * 100;
        bool isZero = !length.Any(static c => c is >= '1' and <= '9');
        if (!isZero && (value.StartsWith('-') || nanoseconds < 1_000_000)) throw WharfException.Invalid($"Interval \"{name}\" cannot be less than 1ms");
        switch (name)
        {
            case "interval": health.Interval = nanoseconds; break;
            case "timeout": health.Timeout = nanoseconds; break;
            case "start-period": health.StartPeriod = nanoseconds; break;
            case "start-interval": health.StartInterval = nanoseconds; break;
            default: throw WharfException.Invalid($"unknown flag: {name}");
        }
    }
}
