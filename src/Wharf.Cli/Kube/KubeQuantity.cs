using System.Globalization;

namespace Wharf.Cli.Kube;

/// <summary>Kubernetes' quantities: <c>500m</c>, <c>1.5</c>, <c>64Mi</c>, <c>1e3</c>.</summary>
internal static class KubeQuantity
{
    private static readonly string[] _binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"], _decimal = ["k", "M", "G", "T", "P", "E"], _small = ["m", "u", "n"];

    /// <summary>The field's quantity in units of 1/<paramref name="parts"/>, rounded up; null when there is none.</summary>
    public static long? Read(KubeNode? node, string key, long parts = 1)
    {
        if (node?.Text(key) is not { } text) return null;
        var digits = text.TrimEnd([.. "KMGTPEikmun"]);
        var factor = Factor(text[digits.Length..]);
        if (factor is null || !decimal.TryParse(digits, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number)) throw node.Wrong(key, $"\"{text}\" is no quantity");
        try
        {
            return (long)decimal.Ceiling(number * factor.Value * parts);
        }
        catch (OverflowException)
        {
            throw node.Wrong(key, $"\"{text}\" is too much");
        }
    }

    private static decimal? Factor(string suffix)
    {
        if (suffix == "") return 1;
        if (Array.IndexOf(_binary, suffix) is >= 0 and var binary) return Power(1024, binary + 1);
        if (Array.IndexOf(_decimal, suffix) is >= 0 and var thousands) return Power(1000, thousands + 1);
        return Array.IndexOf(_small, suffix) is >= 0 and var small ? 1 / Power(1000, small + 1) : null;
    }

    private static decimal Power(decimal step, int times) => Enumerable.Repeat(step, times).Aggregate(1m, static (product, factor) => product * factor);
}
