namespace Wharf.Cli.Output;

/// <summary>Small ways in which lists shorten what they show.</summary>
internal static class Text
{
    /// <summary>Twelve digits without the algorithm.</summary>
    public static string ShortId(string? id, bool truncates)
    {
        if (id is null) return "";
        if (!truncates) return id;
        var digits = id.IndexOf(':') is >= 0 and var colon ? id[(colon + 1)..] : id;
        return digits.Length > 12 ? digits[..12] : digits;
    }

    /// <summary>Cut to a number of characters of which the last is an ellipsis.</summary>
    public static string Ellipsis(string text, int length) => text.Length <= length ? text : text[..(length - 1)] + "…";

    public static string Labels(IReadOnlyDictionary<string, string>? labels)
        => labels is null ? "" : string.Join(',', labels.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}"));

    /// <summary>A label's own name as heading: the last part, with dashes and underscores as spaces.</summary>
    public static string LabelHeading(string name)
    {
        var last = name[(name.LastIndexOf('.') + 1)..];
        return last.Replace('-', ' ').Replace('_', ' ');
    }
}
