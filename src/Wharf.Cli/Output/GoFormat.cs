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
        var magnitude = Math.Abs(value);
        if (magnitude is >= 1e-4 and < 1e21)
        {
            return ((decimal)magnitude > 0 && magnitude < 1e15)
                ? value.ToString("0.#################", CultureInfo.InvariantCulture)
                : value.ToString("F0", CultureInfo.InvariantCulture);
        }
        var text = value.ToString("e16", CultureInfo.InvariantCulture);
        for (var digits = 0; digits < 17; digits++)
        {
            var candidate = value.ToString($"e{digits}", CultureInfo.InvariantCulture);
            if (double.Parse(candidate, CultureInfo.InvariantCulture) != value) continue;
            text = candidate;
            break;
        }
        var exponent = int.Parse(text.AsSpan(text.IndexOf('e') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return Exponent(text, exponent);
    }

    private static string Exponent(string scientific, int exponent)
    {
        var mantissa = scientific[..scientific.IndexOf('e')];
        if (mantissa.Contains('.')) mantissa = mantissa.TrimEnd('0').TrimEnd('.');
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }
}
