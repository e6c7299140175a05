using System.Globalization;

namespace Wharf.Cli.Output;

/// <summary>Points in time as tables show them.</summary>
internal static class Ago
{
    public static string Since(DateTimeOffset time, DateTimeOffset now) => Units.HumanDuration(now - time) + " ago";

    /// <summary>As Go's <c>Time.String</c>: <c>2026-11-24 10:04:40 +0000 UTC</c>.</summary>
    public static string GoString(DateTimeOffset time)
    {
        var local = TimeZoneInfo.ConvertTime(time, TimeZoneInfo.Local);
        var zone = TimeZoneInfo.Local.BaseUtcOffset == TimeSpan.Zero && local.Offset == TimeSpan.Zero ? "UTC" : TimeZoneInfo.Local.IsDaylightSavingTime(local) ? TimeZoneInfo.Local.DaylightName : TimeZoneInfo.Local.StandardName;
        var fraction = time.Ticks % TimeSpan.TicksPerSecond == 0 ? "" : "." + (time.Ticks % TimeSpan.TicksPerSecond).ToString("0000000", CultureInfo.InvariantCulture).TrimEnd('0');
        var offset = $"{(local.Offset < TimeSpan.Zero ? '-' : '+')}{local.Offset:hhmm}";
        return string.Create(CultureInfo.InvariantCulture, $"{local:yyyy-MM-dd HH:mm:ss}{fraction} {offset} {zone}");
    }

    /// <summary>The same from the API's text, with all nine digits of the second.</summary>
    public static string GoString(string? text)
    {
        var time = Parse(text);
        var plain = GoString(new DateTimeOffset(time.Ticks - time.Ticks % TimeSpan.TicksPerSecond, time.Offset));
        var dot = text?.IndexOf('.') ?? -1;
        if (dot < 0) return plain;
        var digits = new string([.. text!.AsSpan(dot + 1).ToString().TakeWhile(char.IsAsciiDigit)]).TrimEnd('0');
        return digits == "" ? plain : plain.Insert("yyyy-MM-dd HH:mm:ss".Length, "." + digits);
    }

    /// <summary>The API's time stamps carry nanoseconds, which <see cref="DateTimeOffset"/> cuts to its own ticks.</summary>
    public static DateTimeOffset Parse(string? text)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : DateTimeOffset.MinValue;
}
