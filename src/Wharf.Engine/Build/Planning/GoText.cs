using System.Globalization;
using System.Text;
using Wharf.Specs;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Planning;

/// <summary>Values as Go prints them: docker's histories hold them so.</summary>
internal static class GoText
{
    /// <summary>A health probe, as the verb <c>%q</c> shows its structure.</summary>
    public static string Health(Healthcheck health) =>
        $"&{{[{string.Join(' ', (health.Test ?? []).Select(GoSyntax.Quoted))}] {GoSyntax.Quoted(Duration(health.Interval ?? 0))} {GoSyntax.Quoted(Duration(health.Timeout ?? 0))} {GoSyntax.Quoted(Duration(health.StartPeriod ?? 0))} {GoSyntax.Quoted(Duration(health.StartInterval ?? 0))} {Rune(health.Retries ?? 0)}}}";

    /// <summary>The same as the verb <c>%v</c> shows it: in the classic builder's histories.</summary>
    public static string PlainHealth(Healthcheck health) =>
        string.Create(CultureInfo.InvariantCulture, $"&{{[{string.Join(' ', health.Test ?? [])}] {Duration(health.Interval ?? 0)} {Duration(health.Timeout ?? 0)} {Duration(health.StartPeriod ?? 0)} {Duration(health.StartInterval ?? 0)} {health.Retries ?? 0}}}");

    /// <summary>A number as the character of that code.</summary>
    private static string Rune(int code) => code switch
    {
        7 => @"'\a'", 8 => @"'\b'", 9 => @"'\t'", 10 => @"'\n'", 11 => @"'\v'", 12 => @"'\f'", 13 => @"'\r'", 39 => @"'\''", 92 => @"'\\'",
        < 32 or 127 => $"'\\x{code:x2}'",
        < 127 => $"'{(char)code}'",
        _ => $"'{new Rune(code)}'",
    };

    /// <summary>Nanoseconds in hours, minutes and seconds.</summary>
    public static string Duration(long nanoseconds)
    {
        if (nanoseconds == 0) return "0s";
        if (Math.Abs(nanoseconds) < 1_000_000_000)
        {
            var (unit, name) = Math.Abs(nanoseconds) switch { < 1_000 => (1L, "ns"), < 1_000_000 => (1_000L, "µs"), _ => (1_000_000L, "ms") };
            return ((decimal)nanoseconds / unit).ToString("0.#########", CultureInfo.InvariantCulture) + name;
        }
        long whole = Math.Abs(nanoseconds) / 1_000_000_000, hours = whole / 3600, minutes = whole / 60 % 60;
        var seconds = ((decimal)(Math.Abs(nanoseconds) % 60_000_000_000) / 1_000_000_000).ToString("0.#########", CultureInfo.InvariantCulture);
        var text = new StringBuilder(nanoseconds < 0 ? "-" : "");
        if (hours > 0) text.Append(CultureInfo.InvariantCulture, $"{hours}h");
        if (hours > 0 || minutes > 0) text.Append(CultureInfo.InvariantCulture, $"{minutes}m");
        return text.Append(CultureInfo.InvariantCulture, $"{seconds}s").ToString();
    }
}
