using System.Globalization;
using System.Text.Json;
using Wharf.Engine.Build.Language;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Dockerfile instructions that change only an image's configuration: <c>commit --change</c>, <c>import --change</c>.</summary>
public static class ImageChange
{
    /// <summary>The value of a set's members in configurations: <c>{}</c>.</summary>
    internal static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement.Clone();

    /// <summary>
    /// Applies instructions in their order, read as a Dockerfile's are: comments, continuation lines, variables of the image's environment.
    /// As there, a new entrypoint takes the command away that was meant for another, unless a new one comes with it. InvalidArgument tells what is wrong.
    /// </summary>
    public static void ApplyAll(OciImage image, IReadOnlyList<string> changes)
    {
        if (changes.Count == 0) return;
        var config = image.Config ??= new OciImageConfig();
        var names = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var reader = new DockerfileReader(string.Join('\n', changes));
            while (reader.Next() is { } instruction)
            {
                names.Add(instruction.Name);
                Apply(config, instruction, reader.Escape);
            }
        }
        catch (DockerfileException error) { throw new WharfException(ErrorKind.InvalidArgument, error.Problem, error); }
        catch (FormatException error) { throw WharfException.Invalid(error.Message, error); }
        if (names.Count == 0) throw WharfException.Invalid("file with no instructions");
        if (names.Contains("ENTRYPOINT") && !names.Contains("CMD")) config.Cmd = null;
    }

    private static void Apply(OciImageConfig config, Instruction instruction, char escape)
    {
        if (Array.IndexOf(Known, instruction.Name) < 0) throw WharfException.Invalid($"{instruction.Keyword} is not a valid change command");
        InstructionRules.Check(instruction, escape);
        // All words see the environment as it was before the instruction.
        var environment = config.Env?.ToList() ?? [];
        var words = new WordExpansion(name => environment.FindLast(variable => variable.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..], escape);
        var rest = instruction.Rest;
        switch (instruction.Name)
        {
            case "CMD": config.Cmd = Command(rest); config.ArgsEscaped = null; break;
            case "ENTRYPOINT": config.Entrypoint = rest.Length == 0 ? null : Command(rest); break;
            case "ENV": foreach (var (key, value) in WordSplit.Pairs(instruction, escape)) SetVariable(config.Env ??= [], words.Expand(key), words.Expand(value)); break;
            case "LABEL": foreach (var (key, value) in WordSplit.Pairs(instruction, escape)) (config.Labels ??= [])[words.Expand(key)] = words.Expand(value); break;
            case "EXPOSE": foreach (var port in WordSplit.Fields(rest).SelectMany(word => WordSplit.Fields(words.Expand(word))).SelectMany(Ports)) (config.ExposedPorts ??= [])[port] = Empty; break;
            case "VOLUME": foreach (var path in WordSplit.JsonList(rest) ?? WordSplit.Words(rest, escape)) (config.Volumes ??= [])[words.Expand(path)] = Empty; break;
            case "USER": config.User = words.Expand(rest); break;
            case "WORKDIR": config.WorkingDir = Join(config.WorkingDir, words.Expand(rest)); break;
            case "STOPSIGNAL": config.StopSignal = Signal(words.Expand(rest)); break;
            case "ONBUILD": (config.OnBuild ??= []).Add(OnBuild(rest)); break;
            case "HEALTHCHECK": config.Healthcheck = Health(string.Join(' ', [.. instruction.Flags, rest])); break;
        }
    }

    private static readonly string[] Known = ["CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"];

    /// <summary>The exec form is a JSON list of strings, and all else is for the shell; an empty list is no command.</summary>
    private static List<string>? Command(string text) => WordSplit.JsonList(text) is { } list ? list.Count > 0 ? list : null : text.Length == 0 ? ["/bin/sh", "-c"] : ["/bin/sh", "-c", text];

    /// <summary>A signal that there is, as written; a negative number is left to who sends it, as with docker.</summary>
    internal static string Signal(string text)
    {
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) || number == 0) Containers.Signals.Parse(text);
        return text;
    }

    internal static void SetVariable(List<string> environment, string key, string value)
    {
        int at = environment.FindIndex(variable => variable.StartsWith(key + "=", StringComparison.Ordinal));
        if (at >= 0) environment[at] = $"{key}={value}";
        else environment.Add($"{key}={value}");
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
        if (WordSplit.JsonList(command) is not { } list) health.Test = ["CMD-SHELL", command];
        else health.Test = list.Count > 0 ? ["CMD", .. list] : throw WharfException.Invalid("Missing command after HEALTHCHECK CMD");
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
        // None is what is not said.
        long? said = nanoseconds > 0 ? nanoseconds : null;
        switch (name)
        {
            case "interval": health.Interval = said; break;
            case "timeout": health.Timeout = said; break;
            case "start-period": health.StartPeriod = said; break;
            case "start-interval": health.StartInterval = said; break;
            default: throw WharfException.Invalid($"unknown flag: {name}");
        }
    }
}
