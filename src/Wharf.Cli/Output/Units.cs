using System.Globalization;

namespace Wharf.Cli.Output;

/// <summary>Sizes and durations as docker's go-units writes and reads them.</summary>
internal static class Units
{
    private static readonly string[] Decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    private static readonly string[] Binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

    /// <summary><c>4.43MB</c>: powers of 1000, four significant digits.</summary>
    public static string HumanSize(double bytes) => Scale(bytes, 1000, Decimal, 4);

    /// <summary>As <see cref="HumanSize"/> with three significant digits, as tables show it.</summary>
    public static string TableSize(double bytes) => Scale(bytes, 1000, Decimal, 3);

    /// <summary><c>23.54GiB</c>: powers of 1024, four significant digits.</summary>
    public static string BytesSize(double bytes) => Scale(bytes, 1024, Binary, 4);

    private static string Scale(double size, double step, string[] names, int precision)
    {
        var i = 0;
        for (; size >= step && i < names.Length - 1; i++) size /= step;
        return GoFormat.General(size, precision) + names[i];
    }

    /// <summary>Reads <c>512m</c>, <c>1.5 GiB</c>, <c>100</c>; every unit is a power of 1024.</summary>
    public static long ParseBytes(string text)
    {
        // The last digit, point or space ends the number.
        var last = text.AsSpan().LastIndexOfAny("0123456789. ");
        if (last < 0) throw new FormatException($"invalid size: '{text}'");
        var digits = text[..(text[last] == ' ' ? last : last + 1)];
        if (!double.TryParse(digits, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number))
            throw new FormatException($"strconv.ParseFloat: parsing {Quoting.Quote(digits)}: invalid syntax");
        if (number < 0) throw new FormatException($"invalid size: '{text}'");
        var suffix = text[(last + 1)..].ToLowerInvariant();
        if (suffix is "" or "b") return (long)number;
        var power = "kmgtp".IndexOf(suffix[0]) + 1;
        if (power == 0 || suffix[1..] is not ("" or "b" or "ib")) throw new FormatException($"invalid suffix: '{text[(last + 1)..]}'");
        return (long)(number * Math.Pow(1024, power));
    }

    /// <summary>Rough age as in CREATED and STATUS: <c>2 hours</c>, <c>About a minute</c>.</summary>
    public static string HumanDuration(TimeSpan age)
    {
        var seconds = (long)age.TotalSeconds;
        if (seconds < 1) return "Less than a second";
        if (seconds == 1) return "1 second";
        if (seconds < 60) return $"{seconds} seconds";
        var minutes = (long)age.TotalMinutes;
        if (minutes == 1) return "About a minute";
        if (minutes < 60) return $"{minutes} minutes";
        var hours = (long)(age.TotalHours + 0.5);
        if (hours == 1) return "About an hour";
        if (hours < 48) return $"{hours} hours";
        if (hours < 24 * 7 * 2) return $"{hours / 24} days";
        if (hours < 24 * 30 * 2) return $"{hours / 24 / 7} weeks";
        if (hours < 24 * 365 * 2) return $"{hours / 24 / 30} months";
        return $"{(long)age.TotalHours / 24 / 365} years";
    }

    /// <summary>Reads Go's durations: <c>1h30m</c>, <c>1.5s</c>, <c>300ms</c>; gives nanoseconds.</summary>
    public static long ParseDuration(string text)
    {
        var rest = text.AsSpan();
        var sign = 1;
        if (rest is ['-' or '+', ..])
        {
            sign = rest[0] == '-' ? -1 : 1;
            rest = rest[1..];
        }
        if (rest is "0") return 0;
        if (rest.IsEmpty) throw InvalidDuration(text);
        decimal total = 0;
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept("0123456789.");
            if (digits < 0) throw new FormatException($"time: missing unit in duration {Quoting.Quote(text)}");
            if (digits == 0 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) throw InvalidDuration(text);
            rest = rest[digits..];
            var length = rest.IndexOfAny("0123456789.") is var next and >= 0 ? next : rest.Length;
            total += number * NanosecondsPer(rest[..length].ToString(), text);
            rest = rest[length..];
        }
        return total > long.MaxValue ? throw InvalidDuration(text) : sign * (long)total;
    }

    private static FormatException InvalidDuration(string text) => new($"time: invalid duration {Quoting.Quote(text)}");

    private static decimal NanosecondsPer(string unit, string text) => unit switch
    {
        "ns" => 1,
        "us" or "µs" or "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => throw new FormatException($"time: unknown unit {Quoting.Quote(unit)} in duration {Quoting.Quote(text)}"),
    };
}
