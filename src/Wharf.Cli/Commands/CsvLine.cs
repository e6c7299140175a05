using System.Text;

namespace Wharf.Cli.Commands;

/// <summary>One line of comma-separated values (RFC 4180): a value in double quotes may hold commas.</summary>
internal static class CsvLine
{
    public static List<string> Split(string text)
    {
        var values = new List<string>();
        var value = new StringBuilder();
        for (var i = 0; ;)
        {
            if (i < text.Length && text[i] == '"') i = ReadQuoted(text, i, value);
            else
            {
                while (i < text.Length && text[i] != ',')
                {
                    if (text[i] == '"') throw new FormatException($"parse error on line 1, column {i + 1}: bare \" in non-quoted-field");
                    value.Append(text[i++]);
                }
            }
            values.Add(value.ToString());
            value.Clear();
            if (i >= text.Length) return values;
            if (text[i] != ',') throw new FormatException($"parse error on line 1, column {i + 1}: extraneous or missing \" in quoted-field");
            i++;
        }
    }

    private static int ReadQuoted(string text, int i, StringBuilder value)
    {
        for (i++; i < text.Length; i++)
        {
            if (text[i] != '"') { value.Append(text[i]); continue; }
            if (i + 1 < text.Length && text[i + 1] == '"') { value.Append('"'); i++; continue; }
            return i + 1;
        }
        throw new FormatException($"parse error on line 1, column {text.Length + 1}: extraneous or missing \" in quoted-field");
    }
}
