using System.Globalization;

namespace Wharf.Cli.Output;

/// <summary>Numbers in the forms of Go's fmt package.</summary>
internal static class GoFormat
{
    /// <summary><c>%.{precision}g</c>: that many significant digits, no trailing zeros, an exponent for the very large and small.</summary>
    public static string General(double value, int precision)
    {
        if (value == 0) return "0";
        var scientific = value.ToString($"e{precision - 1}", CultureInfo.InvariantCulture);
        var exponent = int.Parse(scientific.AsSpan(scientific.IndexOf('e') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= precision) return Exponent(scientific, exponent);
        var text = value.ToString($"F{Math.Max(0, precision - 1 - exponent)}", CultureInfo.InvariantCulture);
        return text.Contains('.') ? text.TrimEnd('0').TrimEnd('.') : text;
    }

    /// <summary><c>%v</c>: the shortest digits that read back the same, an exponent from 1e21 on.</summary>
    public static string Shortest(double value)
    {
        if (double.IsNaN(value)) return "NaN";
        if (double.IsInfinity(value)) return value > 0 ? "+Inf" : "-Inf";
        if (value == 0) return "0";
        // "E16" and fewer digits: the first that reads back the same is the shortest.
        var scientific = Enumerable.Range(0, 17).Select(digits => value.ToString($"e{digits}", CultureInfo.InvariantCulture)).First(text => double.Parse(text, CultureInfo.InvariantCulture) == value);
        var exponent = int.Parse(scientific.AsSpan(scientific.IndexOf('e') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent is < -4 or >= 21) return Exponent(scientific, exponent);
        var sign = value < 0 ? "-" : "";
        var significant = scientific[..scientific.IndexOf('e')].Replace(".", "", StringComparison.Ordinal).TrimStart('-').TrimEnd('0');
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{significant}";
        return significant.Length <= exponent + 1 ? sign + significant.PadRight(exponent + 1, '0') : $"{sign}{significant[..(exponent + 1)]}.{significant[(exponent + 1)..]}";
    }

    private static string Exponent(string scientific, int exponent)
    {
        var mantissa = scientific[..scientific.IndexOf('e')];
        if (mantissa.Contains('.')) mantissa = mantissa.TrimEnd('0').TrimEnd('.');
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }
}
