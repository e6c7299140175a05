namespace Wharf.Cli.CommandLine;

/// <summary>The <c>key=value</c> form used by labels, options and filters.</summary>
internal static class KeyValue
{
    /// <summary>Splits at the first <c>=</c>; without one the value is empty.</summary>
    public static (string Key, string Value) Split(string text)
    {
        var at = text.IndexOf('=');
        return at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
    }

    public static Dictionary<string, string> ToMap(IEnumerable<string> pairs)
    {
        var map = new Dictionary<string, string>();
        foreach (var pair in pairs)
        {
            var (key, value) = Split(pair);
            map[key] = value;
        }
        return map;
    }
}
