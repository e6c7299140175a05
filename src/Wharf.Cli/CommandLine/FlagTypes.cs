using System.Globalization;
using Wharf.Cli.Output;

namespace Wharf.Cli.CommandLine;

/// <summary>On or off.</summary>
internal sealed class BoolFlag(string name, char shorthand, string help, bool initial = false) : Flag(name, shorthand, "", help)
{
    public bool Value { get; private set; } = initial;
    public override string Text => Value ? "true" : "false";
    public override bool IsSwitch => true;

    protected override void Accept(string text) => Value = Specs.GoSyntax.Bool(text) ?? throw new FormatException($"strconv.ParseBool: parsing {Quoting.Quote(text)}: invalid syntax");

    public static implicit operator bool(BoolFlag flag) => flag.Value;
}

/// <summary>A text; the last one given counts.</summary>
internal sealed class StringFlag(string name, char shorthand, string help, string initial = "", string typeName = "string") : Flag(name, shorthand, typeName, help)
{
    public string Value { get; private set; } = initial;
    public override string Text => Value;
    /// <summary>Throws <see cref="FormatException"/> for what is not accepted.</summary>
    public Action<string>? Check { get; init; }

    protected override void Accept(string text)
    {
        Check?.Invoke(text);
        Value = text;
    }
}

/// <summary>A whole number.</summary>
internal sealed class IntFlag(string name, char shorthand, string help, long initial = 0, string typeName = "int") : Flag(name, shorthand, typeName, help)
{
    public long Value { get; private set; } = initial;
    public override string Text => Value.ToString(CultureInfo.InvariantCulture);

    protected override void Accept(string text)
    {
        var isUnsigned = TypeName.StartsWith('u');
        var isNumber = Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && !(isUnsigned && text[0] is '-' or '+');
        if (isNumber && value >= long.MinValue && value <= (TypeName == "uint16" ? ushort.MaxValue : long.MaxValue)) Value = (long)value;
        else throw new FormatException($"strconv.Parse{(isUnsigned ? "Uint" : "Int")}: parsing {Quoting.Quote(text)}: {(isNumber ? "value out of range" : "invalid syntax")}");
    }
}

/// <summary>May be given many times; every value is kept in order.</summary>
internal sealed class ListFlag(string name, char shorthand, string help, string typeName = "list") : Flag(name, shorthand, typeName, help)
{
    public List<string> Values { get; } = [];
    public override string Text => Values.Count == 0 ? "" : $"[{string.Join(' ', Values)}]";
    /// <summary>Checks, and may rewrite, each value; throws <see cref="FormatException"/>.</summary>
    public Func<string, string>? Check { get; init; }

    protected override void Accept(string text) => Values.Add(Check?.Invoke(text) ?? text);
}

/// <summary>May be given many times, each a comma-separated list.</summary>
internal sealed class StringsFlag(string name, char shorthand, string help) : Flag(name, shorthand, "strings", help)
{
    public List<string> Values { get; } = [];
    protected override void Accept(string text) => Values.AddRange(text.Split(','));
}

/// <summary>A number of bytes with an optional unit: <c>512m</c>, <c>1.5GiB</c>; -1 where a command allows it.</summary>
internal sealed class BytesFlag(string name, char shorthand, string help) : Flag(name, shorthand, "bytes", help)
{
    public long Value { get; private set; }
    public bool AllowMinusOne { get; init; }
    protected override void Accept(string text) => Value = AllowMinusOne && text == "-1" ? -1 : Units.ParseBytes(text);
}

/// <summary>A number of CPUs, kept as billionths: <c>1.5</c>.</summary>
internal sealed class CpusFlag(string name, string help) : Flag(name, '\0', "decimal", help)
{
    public long NanoCpus { get; private set; }

    protected override void Accept(string text)
    {
        if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var cpus))
            throw new FormatException($"failed to parse {text} as a rational number");
        var nano = cpus * 1_000_000_000m;
        if (nano != decimal.Truncate(nano)) throw new FormatException("value is too precise");
        NanoCpus = (long)nano;
    }
}

/// <summary>A length of time in Go's spelling (<c>1m30s</c>), kept as nanoseconds.</summary>
internal sealed class DurationFlag(string name, char shorthand, string help) : Flag(name, shorthand, "duration", help)
{
    public long Nanoseconds { get; private set; }
    protected override void Accept(string text) => Nanoseconds = Units.ParseDuration(text);
}

/// <summary>May be given many times, each <c>key=value</c>.</summary>
internal sealed class MapFlag(string name, char shorthand, string help, string typeName = "map") : Flag(name, shorthand, typeName, help)
{
    public Dictionary<string, string> Values { get; } = [];

    protected override void Accept(string text)
    {
        var (key, value) = KeyValue.Split(text);
        Values[key] = value;
    }
}
