using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Commands;

/// <summary>A time on the command line: a date, Unix seconds, or how long ago.</summary>
internal static class TimePoint
{
    private static readonly string[] LocalForms =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH", "yyyy-MM-dd",
    ];

    /// <summary>Unix seconds, with nanoseconds where given, as the API takes them; empty stays empty.</summary>
    public static string ToApi(string text, string flag)
    {
        if (text == "") return "";
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)) return text;
        if (IsDuration(text, out var nanoseconds)) return Format(DateTimeOffset.UtcNow.AddTicks(-nanoseconds / 100));
        if (DateTime.TryParseExact(text, LocalForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal | DateTimeStyles.AdjustToUniversal, out var local)) return Format(local);
        if (text.Contains('T') && DateTimeOffset.TryParse(WithoutNanoseconds(text), CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var time)) return Format(time);
        throw new CliException($"invalid value for \"{flag}\": failed to parse value as time or duration: {Quoting.Quote(text)}");
    }

    /// <summary>DateTimeOffset knows seven digits of a second; the API sends nine.</summary>
    private static string WithoutNanoseconds(string text)
    {
        var dot = text.IndexOf('.');
        if (dot < 0) return text;
        var end = dot + 1;
        while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
        return end - dot > 8 ? text[..(dot + 8)] + text[end..] : text;
    }

    private static bool IsDuration(string text, out long nanoseconds)
    {
        try
        {
            nanoseconds = Units.ParseDuration(text);
            return true;
        }
        catch (FormatException)
        {
            nanoseconds = 0;
            return false;
        }
    }

    private static string Format(DateTimeOffset time)
    {
        var ticks = time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        return string.Create(CultureInfo.InvariantCulture, $"{ticks / TimeSpan.TicksPerSecond}.{ticks % TimeSpan.TicksPerSecond * 100:000000000}");
    }
}
