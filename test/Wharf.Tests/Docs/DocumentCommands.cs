using System.Text;
using System.Text.RegularExpressions;

namespace Wharf.Tests.Docs;

/// <summary>Command lines that begin with <c>wharf</c> in a Markdown text: those of code blocks, and those inside sentences.</summary>
internal static partial class DocumentCommands
{
    /// <summary>Each as its words, without the program's.</summary>
    public static IEnumerable<IReadOnlyList<string>> In(string markdown)
    {
        bool isCode = false;
        var text = new StringBuilder();
        foreach (var line in markdown.Split('\n'))
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal)) isCode = !isCode;
            else if (isCode) text.Append(line.EndsWith('\\') ? line[..^1] : line + "\n");
            else foreach (Match span in Spans.Matches(line)) text.Append(span.Groups[1].Value).Append('\n');
        }
        return text.ToString().Split('\n').SelectMany(Commands).Select(Named).OfType<IReadOnlyList<string>>();
    }

    /// <summary>What follows <c>wharf</c> where it is the program that is called; the shell's own words may stand before it.</summary>
    private static IReadOnlyList<string>? Named(IReadOnlyList<string> words)
    {
        int at = words.TakeWhile(word => word is "$" or "sudo" or "exec" or "time" || word.Contains('=')).Count();
        return at + 1 < words.Count && (words[at] == "wharf" || words[at].EndsWith("/wharf", StringComparison.Ordinal)) ? [.. words.Skip(at + 1)] : null;
    }

    /// <summary>A line's commands as a shell would part it, as far as documents go: quotes, comments, pipes, redirections, commands inside commands.</summary>
    private static IEnumerable<IReadOnlyList<string>> Commands(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        char quote = '\0';
        foreach (char c in line.Replace("$(", " ( ", StringComparison.Ordinal) + "\n")
        {
            if (quote != '\0' && c == quote) { quote = '\0'; continue; }
            if (quote != '\0' || !(char.IsWhiteSpace(c) || "'\";|&()<>#".Contains(c))) { word.Append(c); continue; }
            if (c is '\'' or '"') { quote = c; continue; }
            if (c == '#' && word.Length > 0) { word.Append(c); continue; }
            if (word.Length > 0) words.Add(word.ToString());
            word.Clear();
            if (char.IsWhiteSpace(c) && c != '\n') continue;
            if (words.Count > 0) yield return words;
            words = [];
            if (c == '#') yield break;
        }
    }

    [GeneratedRegex("`([^`]+)`", RegexOptions.CultureInvariant)]
    private static partial Regex Spans { get; }
}
