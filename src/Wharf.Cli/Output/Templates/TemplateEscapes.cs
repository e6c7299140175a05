using System.Globalization;
using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>What <c>html</c> and <c>js</c> escape, as Go's text/template has it.</summary>
internal static class TemplateEscapes
{
    public static string Html(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c switch
            {
                '\0' => result.Append('\ufffd'),
                '"' => result.Append("&#34;"),
                '\'' => result.Append("&#39;"),
                '&' => result.Append("&amp;"),
                '<' => result.Append("&lt;"),
                '>' => result.Append("&gt;"),
                _ => result.Append(c),
            };
        }
        return result.ToString();
    }

    public static string JavaScript(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c switch
            {
                '\\' => result.Append("\\\\"),
                '\'' => result.Append("\\'"),
                '"' => result.Append("\\\""),
                '<' or '>' or '&' or '=' or < ' ' or '\u2028' or '\u2029' => result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}"),
                _ => result.Append(c),
            };
        }
        return result.ToString();
    }
}
