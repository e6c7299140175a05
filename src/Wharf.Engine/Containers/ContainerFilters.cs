using System.Globalization;
using System.Text.RegularExpressions;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>How single filter values are read and compared.</summary>
public static class ContainerFilters
{
    /// <summary>docker matches names as regular expressions; one that is none is compared literally.</summary>
    public static bool Matches(string pattern, string text)
    {
        if (text.Contains(pattern, StringComparison.Ordinal)) return true;
        try
        {
            // NonBacktracking: the pattern comes from a client and must not be able to stall the daemon.
            return Regex.IsMatch(text, pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    /// <summary><c>key</c> or <c>key=value</c>.</summary>
    public static bool HasLabel(IReadOnlyDictionary<string, string>? labels, string wanted)
    {
        int equals = wanted.IndexOf('=');
        var key = equals < 0 ? wanted : wanted[..equals];
        return labels is not null && labels.TryGetValue(key, out var value) && (equals < 0 || value == wanted[(equals + 1)..]);
    }

    public static ContainerStatus ParseStatus(string value) => ContainerTransitions.TryParse(value, out var status) ? status :
        throw WharfException.Invalid($"invalid filter 'status={value}': invalid value for state ({value}): must be one of created, running, paused, restarting, removing, exited, dead");

    public static int ParseExitCode(string value) => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int code) ? code :
        throw WharfException.Invalid($"invalid filter 'exited={value}': strconv.Atoi: parsing \"{value}\": invalid syntax");

    public static void RequireHealth(string value)
    {
        if (value is not ("none" or "starting" or "healthy" or "unhealthy"))
            throw WharfException.Invalid($"invalid filter 'health={value}': invalid value for health ({value}): must be one of none, starting, healthy, unhealthy");
    }

    /// <summary>A moment as docker's clients write it: seconds of the epoch, RFC 3339, or a duration before now.</summary>
    public static DateTimeOffset ParseTime(string value, DateTimeOffset now)
    {
        if (double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds < 253402300799)
            return DateTimeOffset.UnixEpoch.AddSeconds(seconds);
        if (DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return time;
        return TryDuration(value, out var ago) ? now - ago : throw WharfException.Invalid($"failed to parse value as time or duration: \"{value}\"");
    }

    /// <summary>The filter <c>until</c>, of which there may be one only.</summary>
    public static DateTimeOffset? Until(IReadOnlyList<string>? values, DateTimeOffset now) =>
        values is null or [] ? null : values.Count == 1 ? ParseTime(values[0], now) : throw WharfException.Invalid("more than one until filter specified");

    /// <summary>Go's durations: <c>1h30m</c>, <c>10s</c>, <c>1.5h</c>.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        int at = 0;
        while (at < text.Length)
        {
            int end = at;
            while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.')) end++;
            if (!double.TryParse(text.AsSpan(at, end - at), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)) return false;
            at = end;
            while (end < text.Length && char.IsAsciiLetter(text[end])) end++;
            double unit = text[at..end] switch { "h" => 3600, "m" => 60, "s" => 1, "ms" => 0.001, "us" => 1e-6, "ns" => 1e-9, _ => -1 };
            if (unit < 0 || number * unit > 1e9) return false;
            duration += TimeSpan.FromSeconds(number * unit);
            at = end;
        }
        return text.Length > 0;
    }
}
