using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Wharf.Cli.Recipes;

/// <summary>A mapping of a YAML document, in the order in which it was filled. What is null or empty is not written.</summary>
internal sealed class YamlMap
{
    private readonly List<(string Key, object Value)> entries = [];

    public bool IsEmpty => entries.Count == 0;

    /// <summary>A text, number, bool, <see cref="YamlMap"/>, or a list of such.</summary>
    public YamlMap Add(string key, object? value)
    {
        var isEmpty = value is null or "" or YamlMap { IsEmpty: true } || value is System.Collections.ICollection { Count: 0 };
        if (!isEmpty) entries.Add((key, value!));
        return this;
    }

    /// <summary>Adds it even when it is empty.</summary>
    public YamlMap Put(string key, object value)
    {
        entries.Add((key, value));
        return this;
    }

    public static YamlMap Of(IEnumerable<KeyValuePair<string, string>>? pairs)
    {
        var map = new YamlMap();
        foreach (var (key, value) in pairs ?? []) map.Put(key, value);
        return map;
    }

    /// <summary>The document's text (YAML 1.2). Texts that could be taken for anything else are written as JSON strings, which YAML has too.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Write(text, this, 0, isInList: false);
        return text.ToString();
    }

    private static void Write(StringBuilder text, YamlMap map, int depth, bool isInList)
    {
        var isFirst = isInList;
        foreach (var (key, value) in map.entries)
        {
            if (!isFirst) text.Append(' ', depth * 2);
            isFirst = false;
            text.Append(Scalar(key)).Append(':');
            WriteValue(text, value, depth + 1);
        }
    }

    private static void WriteValue(StringBuilder text, object value, int depth)
    {
        switch (value)
        {
            case YamlMap { IsEmpty: true }: text.Append(" {}\n"); break;
            case YamlMap map: Write(text.Append('\n'), map, depth, isInList: false); break;
            case IEnumerable<YamlMap> maps:
                text.Append('\n');
                foreach (var map in maps) Write(text.Append(' ', depth * 2).Append("- "), map, depth + 1, isInList: true);
                break;
            case IEnumerable<string> words:
                text.Append('\n');
                foreach (var word in words) text.Append(' ', depth * 2).Append("- ").Append(Scalar(word)).Append('\n');
                break;
            case string word: text.Append(' ').Append(Scalar(word)).Append('\n'); break;
            case bool flag: text.Append(flag ? " true\n" : " false\n"); break;
            default: text.Append(CultureInfo.InvariantCulture, $" {value}\n"); break;
        }
    }

    private static string Scalar(string text)
    {
        const string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
        bool isPlain = text != "" && char.IsAsciiLetter(text[0]) && text.AsSpan().IndexOfAnyExcept(plain) < 0
            && text.ToLowerInvariant() is not ("true" or "false" or "yes" or "no" or "on" or "off" or "null" or "y" or "n");
        return isPlain ? text : $"\"{JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
    }
}
