using System.Globalization;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>A container's port as keys of the API write it: <c>80/tcp</c>, <c>53/udp</c>, <c>80</c>, <c>8000-8010/tcp</c>.</summary>
internal readonly record struct PortSpec(int First, int Last, string Protocol)
{
    public static PortSpec Parse(string text)
    {
        int slash = text.IndexOf('/');
        var numbers = slash < 0 ? text : text[..slash];
        var protocol = slash < 0 ? "tcp" : text[(slash + 1)..].ToLowerInvariant();
        if (protocol is not ("tcp" or "udp" or "sctp")) throw WharfException.Invalid($"invalid protocol: \"{protocol}\"");
        if (!TryParseRange(numbers, out int first, out int last)) throw WharfException.Invalid($"invalid port specification: \"{numbers}\"");
        return new PortSpec(first, last, protocol);
    }

    /// <summary><c>N</c> or <c>N-M</c>, each 0 to 65535, M not below N.</summary>
    public static bool TryParseRange(string text, out int first, out int last)
    {
        var ends = text.Split('-');
        last = 0;
        if (!TryNumber(ends[0], out first) || ends.Length > 2) return false;
        last = first;
        return ends.Length == 1 || (TryNumber(ends[1], out last) && last >= first);
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= 65535;

    public override string ToString() => First == Last ? $"{First}/{Protocol}" : $"{First}-{Last}/{Protocol}";
}
