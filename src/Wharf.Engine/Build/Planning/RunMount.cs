using System.Globalization;
using Wharf.Engine.Build.Language;

namespace Wharf.Engine.Build.Planning;

/// <summary>What a mount of RUN is.</summary>
public enum RunMountType { Bind, Cache, Tmpfs, Secret, Ssh }

/// <summary>What <c>--from</c> names: a step's file system, or else a context.</summary>
internal readonly record struct CopySourceName(BuildNode? Node, string Context);

/// <summary>A <c>RUN --mount</c>.</summary>
public sealed record RunMount
{
    public RunMountType Type { get; init; }
    /// <summary>Absolute; empty for the type's own default.</summary>
    public string Target { get; init; } = "";
    public string Source { get; init; } = "";
    /// <summary>The stage or image a bind or cache mount shows; null for a context.</summary>
    public BuildNode? From { get; init; }
    /// <summary>The context a bind shows where <see cref="From"/> is null; empty for the main one.</summary>
    public string Context { get; init; } = "";
    public bool ReadOnly { get; init; }
    public string Id { get; init; } = "";
    /// <summary>How builds share a cache: <c>shared</c>, <c>private</c> or <c>locked</c>.</summary>
    public string Sharing { get; init; } = "shared";
    public uint Mode { get; init; }
    public uint Uid { get; init; }
    public uint Gid { get; init; }
    /// <summary>Bytes of a tmpfs; 0 for no limit.</summary>
    public long Size { get; init; }
    public bool Required { get; init; }
    /// <summary>The variable that gets a secret's value.</summary>
    public string Variable { get; init; } = "";

    /// <summary>What of it determines the result. Secrets and sockets show only that they are there: their content must not matter.</summary>
    public string Definition => $"{Type},{Target},{Source},{ReadOnly},{Id},{Sharing},{Mode},{Uid},{Gid},{Size},{Required},{Variable}";

    /// <summary>Parses the flag's value. <paramref name="stage"/> finds what <c>from</c> names; <paramref name="expand"/> replaces variables.</summary>
    internal static async Task<RunMount> ParseAsync(string text, Instruction instruction, Func<string, string> expand, Func<string, Task<CopySourceName>> stage)
    {
        var fields = Fields(text, instruction);
        var type = fields.GetValueOrDefault("type", "bind") switch
        {
            "bind" => RunMountType.Bind, "cache" => RunMountType.Cache, "tmpfs" => RunMountType.Tmpfs, "secret" => RunMountType.Secret, "ssh" => RunMountType.Ssh,
            var other => throw Bad(instruction, $"unsupported mount type \"{other}\""),
        };
        string Text(string key) => fields.TryGetValue(key, out var value) ? expand(value) : "";
        uint Number(string key, uint absent, int radix) => fields.TryGetValue(key, out var value) ? ParseNumber(value, radix) ?? throw Bad(instruction, $"invalid value {value} for {key}") : absent;
        bool Flag(string key) => fields.TryGetValue(key, out var value) && (value is "" or "true" or "1" || (value is "false" or "0" ? false : throw Bad(instruction, $"invalid value for {key}: {value}")));
        var source = fields.TryGetValue("from", out var from) ? await stage(expand(from)) : new CopySourceName(null, "");
        bool secret = type is RunMountType.Secret or RunMountType.Ssh;
        var mount = new RunMount
        {
            Type = type, Target = Text("target"), Source = Text("source"), Id = Text("id"), Variable = Text("env"),
            From = source.Node, Context = source.Context,
            ReadOnly = fields.ContainsKey("readonly") ? Flag("readonly") : fields.ContainsKey("readwrite") ? !Flag("readwrite") : type == RunMountType.Bind,
            Sharing = fields.GetValueOrDefault("sharing", "shared"),
            Mode = Number("mode", type switch { RunMountType.Secret => 0x100u, RunMountType.Ssh => 0x180u, _ => 0x1edu }, 8), Uid = Number("uid", 0, 10), Gid = Number("gid", 0, 10),
            Size = fields.TryGetValue("size", out var size) ? ParseSize(size) ?? throw Bad(instruction, $"invalid value for size: {size}") : 0,
            Required = Flag("required"),
        };
        if (mount.Sharing is not ("shared" or "private" or "locked")) throw Bad(instruction, $"unsupported sharing value \"{mount.Sharing}\"");
        if (type == RunMountType.Secret && (mount.Id + mount.Source + mount.Target).Length == 0) throw Bad(instruction, "invalid secret mount. one of source, target required");
        // Nothing is the root, which no mount may be.
        return mount.Target.Length == 0 && !secret ? mount with { Target = "/" } : mount;
    }

    private static Dictionary<string, string> Fields(string text, Instruction instruction)
    {
        if (text.Length == 0) throw new DockerfileException(instruction.FirstLine, "failed to parse csv mounts: EOF");
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in text.Split(','))
        {
            var parts = field.Split('=', 2);
            var key = parts[0].Trim().ToLowerInvariant() switch { "dst" or "destination" => "target", "src" => "source", "ro" => "readonly", "rw" => "readwrite", var name => name };
            if (Array.IndexOf(Keys, key) < 0) throw Bad(instruction, $"unexpected key '{key}' in '{field}'{Linting.DockerfileLinter.Suggestion(key, Keys, "")}");
            if (parts.Length == 1 && key is not ("readonly" or "readwrite" or "required")) throw Bad(instruction, $"invalid field '{key}' must be a key=value pair");
            fields[key] = parts.Length == 2 ? parts[1] : "";
        }
        return fields;
    }

    private static readonly string[] Keys = ["type", "target", "source", "from", "readonly", "readwrite", "id", "sharing", "mode", "uid", "gid", "size", "required", "env"];

    private static uint? ParseNumber(string text, int radix)
    {
        if (radix == 10) return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value) ? value : null;
        uint octal = 0;
        foreach (char digit in text)
        {
            if (digit is < '0' or > '7' || octal > 0x1ff_ffff) return null;
            octal = octal * 8 + (uint)(digit - '0');
        }
        return text.Length == 0 || octal > 0xfff ? null : octal;
    }

    /// <summary>A size in bytes, with docker's suffixes of powers of 1024.</summary>
    private static long? ParseSize(string text)
    {
        var number = text.ToLowerInvariant().TrimEnd('b', 'i');
        int shift = number.Length == 0 ? 0 : number[^1] switch { 'k' => 10, 'm' => 20, 'g' => 30, 't' => 40, _ => 0 };
        if (shift > 0) number = number[..^1];
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value <= long.MaxValue >> shift ? value << shift : null;
    }

    private static DockerfileException Bad(Instruction instruction, string problem) => new(instruction.FirstLine, problem) { IsMeaning = true };
}
