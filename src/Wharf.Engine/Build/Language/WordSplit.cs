using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Language;

/// <summary>Splitting an instruction's text into words. Quotes and escapes stay: expansion takes them away later.</summary>
internal static class WordSplit
{
    /// <summary>Words as separated by blanks outside of quotes.</summary>
    public static List<string> Words(string text, char escape)
    {
        var words = new List<string>();
        int start = -1;
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (start < 0)
            {
                if (char.IsWhiteSpace(c)) continue;
                start = i;
            }
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                words.Add(text[start..i]);
                start = -1;
            }
            else if (c == escape && quote != '\'') i++;
            else if (quote != '\0') quote = c == quote ? '\0' : quote;
            else if (c is '"' or '\'') quote = c;
        }
        if (start >= 0) words.Add(text[start..]);
        return words;
    }

    /// <summary>Words at blanks, quotes counting for nothing (FROM, COPY, EXPOSE).</summary>
    public static List<string> Fields(string text) => [.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>The exec form, a JSON list of strings; null when it is not one.</summary>
    public static List<string>? JsonList(string text)
    {
        if (!text.StartsWith('[')) return null;
        try
        {
            return JsonSerializer.Deserialize(text, ImageJson.Default.ListString) is { } list && !list.Contains(null!) ? list : null;
        }
        catch (JsonException)
        {
            // What only looks like the exec form is the shell form: that is the language's rule.
            return null;
        }
    }

    /// <summary><c>key=value …</c>, or the old form of one key and all the rest as its value.</summary>
    public static List<(string Key, string Value)> Pairs(Instruction instruction, char escape)
    {
        var words = Words(instruction.Rest, escape);
        if (words.Count == 0) throw new DockerfileException(instruction.FirstLine, $"{instruction.Name} requires at least one argument") { IsSyntax = true };
        if (!words[0].Contains('='))
        {
            var rest = instruction.Rest[words[0].Length..].TrimStart();
            return rest.Length > 0 ? [(words[0], rest)] : throw new DockerfileException(instruction.FirstLine, $"{instruction.Name} must have two arguments") { IsSyntax = true };
        }
        var pairs = new List<(string, string)>();
        foreach (var word in words)
        {
            int equals = word.IndexOf('=');
            if (equals < 0) throw new DockerfileException(instruction.FirstLine, $"Syntax error - can't find = in {Specs.GoSyntax.Quoted(word)}. Must be of the form: name=value") { IsSyntax = true };
            if (equals == 0) throw new DockerfileException(instruction.FirstLine, $"{instruction.Name} names can not be blank");
            pairs.Add((word[..equals], word[(equals + 1)..]));
        }
        return pairs;
    }
}
