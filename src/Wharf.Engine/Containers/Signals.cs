using System.Globalization;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>Signals by the names docker takes (signal(7); the numbers are the same on x86-64 and arm64).</summary>
internal static class Signals
{
    public const int SIGKILL = 9, SIGTERM = 15;
    private const int RealTimeMin = 34, RealTimeMax = 64;

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP",
        "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>A number or a name with or without SIG, in any case; InvalidArgument <c>invalid signal: X</c>.</summary>
    public static int Parse(string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return number > 0 ? number : throw WharfException.Invalid($"invalid signal: {text}");
        var name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal)) name = name[3..];
        int index = name.Length == 0 ? -1 : Array.IndexOf(Names, name);
        if (index > 0) return index;
        return name switch
        {
            "IOT" => 6,
            "CLD" => 17,
            "POLL" => 29,
            "RTMIN" => RealTimeMin,
            "RTMAX" => RealTimeMax,
            _ => RealTime(name) ?? throw WharfException.Invalid($"invalid signal: {text}"),
        };
    }

    /// <summary>As <see cref="Parse"/>, but any whole number but 0 goes through: whether there is such a signal is asked next.</summary>
    public static int ParseAny(string text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number < 0 ? number : Parse(text);

    public static bool IsKnown(int signal) => signal is > 0 and <= 31 or >= RealTimeMin and <= RealTimeMax;

    private static int? RealTime(string name)
    {
        bool up = name.StartsWith("RTMIN+", StringComparison.Ordinal), down = name.StartsWith("RTMAX-", StringComparison.Ordinal);
        if (!(up || down) || !int.TryParse(name.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out int offset)) return null;
        int signal = up ? RealTimeMin + offset : RealTimeMax - offset;
        return signal is >= RealTimeMin and <= RealTimeMax ? signal : null;
    }
}
