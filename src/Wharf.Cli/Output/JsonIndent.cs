using System.Text;

namespace Wharf.Cli.Output;

/// <summary>Lays JSON out without changing a single value: numbers, escapes and the order of names stay as received.</summary>
internal static class JsonIndent
{
    public static string Format(string json, string indent = "    ")
    {
        var text = new StringBuilder(json.Length * 2);
        var depth = 0;
        for (var i = 0; i < json.Length; i++)
        {
            var c = json[i];
            switch (c)
            {
                case '"':
                    i = CopyString(json, i, text);
                    break;
                case '{' or '[':
                    text.Append(c);
                    var next = NextVisible(json, i + 1);
                    if (next < json.Length && json[next] is '}' or ']')
                    {
                        text.Append(json[next]);
                        i = next;
                        break;
                    }
                    NewLine(text, ++depth, indent);
                    break;
                case '}' or ']':
                    NewLine(text, --depth, indent);
                    text.Append(c);
                    break;
                case ',':
                    text.Append(c);
                    NewLine(text, depth, indent);
                    break;
                case ':':
                    text.Append(": ");
                    break;
                case ' ' or '\n' or '\r' or '\t':
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }
        return text.ToString();
    }

    private static int NextVisible(string json, int i)
    {
        while (i < json.Length && json[i] is ' ' or '\n' or '\r' or '\t') i++;
        return i;
    }

    private static int CopyString(string json, int i, StringBuilder text)
    {
        var end = i + 1;
        while (end < json.Length && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
        end = Math.Min(end, json.Length - 1);
        text.Append(json, i, end - i + 1);
        return end;
    }

    private static void NewLine(StringBuilder text, int depth, string indent)
    {
        text.Append('\n');
        for (var i = 0; i < depth; i++) text.Append(indent);
    }
}
