using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>What <c>html</c> and <c>js</c> escape, as Go's text/template has it.</summary>
internal static class TemplateEscapes
{
    public static string Html(string text) => Escape(text, static c => c switch
    {
        '\0' => "\ufffd",
        '"' => "&#34;",
        '\'' => "&#39;",
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => null,
    });

    public static string JavaScript(string text) => Escape(text, static c => c switch
    {
        '\\' => "\\\\",
        '\'' => "\\'",
        '"' => "\\\"",
        '<' or '>' or '&' or '=' or < ' ' or '\u2028' or '\u2029' => $"\\u{(int)c:X4}",
        _ => null,
    });

    /// <param name="replacement">What stands for a character; null leaves it.</param>
    private static string Escape(string text, Func<char, string?> replacement)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (replacement(c) is { } other) result.Append(other);
            else result.Append(c);
        }
        return result.ToString();
    }
}
