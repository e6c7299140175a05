using System.Text.Json.Nodes;

namespace Wharf.Engine.Containers.Devices;

/// <summary>
/// Reads the YAML that device vendors' tools write: mappings and sequences in blocks or in brackets, plain and quoted scalars, comments. Anchors, tags, block scalars and several documents are refused with
/// their line. All scalars become text, but for null.
/// </summary>
internal sealed class YamlReader
{
    private const int MaxDepth = 32;

    private readonly List<(int Indent, string Text, int Number)> _lines = [];
    private int _at;

    /// <summary>FormatException, with the line, for what is not read.</summary>
    public static JsonNode? Read(string text)
    {
        var reader = new YamlReader();
        int number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = WithoutComment(raw.TrimEnd('\r')).TrimEnd();
            if (line.Length == 0 || (line == "---" && reader._lines.Count == 0)) continue;
            if (line is "---" or "...") throw Wrong(number, "more than one document");
            int indent = line.Length - line.TrimStart(' ').Length;
            if (line[indent] == '\t') throw Wrong(number, "a tab indents");
            reader._lines.Add((indent, line[indent..], number));
        }
        if (reader._lines.Count == 0) return null;
        var node = reader.Block(reader._lines[0].Indent, 0);
        return reader._at == reader._lines.Count ? node : throw Wrong(reader._lines[reader._at].Number, "wrong indentation");
    }

    private static FormatException Wrong(int line, string what) => new($"yaml: line {line}: {what}");

    private static string WithoutComment(string line)
    {
        char quote = '\0';
        for (int i = 0; i < line.Length; i++)
        {
            if (quote != '\0')
            {
                if ((quote == '"' && line[i] == '\\') || (quote == '\'' && line[i] == quote && i + 1 < line.Length && line[i + 1] == quote)) i++;
                else if (line[i] == quote) quote = '\0';
            }
            else if (line[i] is '"' or '\'' && (i == 0 || line[i - 1] is ' ' or '[' or '{' or ',' or ':')) quote = line[i];
            else if (line[i] == '#' && (i == 0 || line[i - 1] is ' ' or '\t')) return line[..i];
        }
        return line;
    }

    private static bool IsItem(string text) => text == "-" || text.StartsWith("- ", StringComparison.Ordinal);

    private JsonNode? Block(int indent, int depth)
    {
        var (_, text, number) = _lines[_at];
        if (depth > MaxDepth) throw Wrong(number, "nested too deeply");
        if (IsItem(text)) return Sequence(indent, depth);
        if (KeyEnd(text) >= 0) return Mapping(indent, depth);
        _at++;
        return Value(text, number, depth);
    }

    private JsonArray Sequence(int indent, int depth)
    {
        var items = new JsonArray();
        while (_at < _lines.Count && _lines[_at].Indent == indent && IsItem(_lines[_at].Text))
        {
            var (_, text, number) = _lines[_at];
            var rest = text[1..].TrimStart(' ');
            if (rest.Length == 0)
            {
                _at++;
                items.Add(_at < _lines.Count && _lines[_at].Indent > indent ? Block(_lines[_at].Indent, depth + 1) : null);
                continue;
            }
            // What follows the dash is a line of its own, further in.
            int inner = indent + text.Length - rest.Length;
            _lines[_at] = (inner, rest, number);
            items.Add(Block(inner, depth + 1));
        }
        return items;
    }

    private JsonObject Mapping(int indent, int depth)
    {
        var map = new JsonObject();
        while (_at < _lines.Count && _lines[_at].Indent == indent && !IsItem(_lines[_at].Text))
        {
            var (_, text, number) = _lines[_at];
            int end = KeyEnd(text);
            if (end < 0) throw Wrong(number, "could not find expected ':'");
            var key = Scalar(text[..end].TrimEnd(), number) ?? "";
            var rest = text[(end + 1)..].Trim();
            _at++;
            JsonNode? value = null;
            if (rest.Length > 0) value = Value(rest, number, depth);
            else if (_at < _lines.Count && (_lines[_at].Indent > indent || (_lines[_at].Indent == indent && IsItem(_lines[_at].Text)))) value = Block(_lines[_at].Indent, depth + 1);
            if (!map.TryAdd(key, value)) throw Wrong(number, $"mapping key \"{key}\" already defined");
        }
        return map;
    }

    /// <summary>Where the colon after a line's key is; -1 when the line is no entry of a mapping.</summary>
    private static int KeyEnd(string text)
    {
        if (text[0] is '[' or '{') return -1;
        int from = text[0] is '"' or '\'' ? text.IndexOf(text[0], 1) : 0;
        for (int i = Math.Max(from, 0); i < text.Length; i++)
            if (text[i] == ':' && (i + 1 == text.Length || text[i + 1] == ' ')) return i;
        return -1;
    }

    /// <summary>A scalar, or what stands in brackets, which may go on over lines.</summary>
    private JsonNode? Value(string text, int number, int depth)
    {
        if (text[0] is not ('[' or '{')) return Scalar(text, number);
        var flow = new FlowText(text);
        while (!flow.IsWhole && _at < _lines.Count) flow = new FlowText(flow.Text + " " + _lines[_at++].Text);
        return flow.Read(number, depth);
    }

    private static string? Scalar(string text, int number)
    {
        if (text[0] is '"' or '\'') return text.Length >= 2 && text[^1] == text[0] ? Unquoted(text, number) : throw Wrong(number, "a quote is not closed");
        if (text[0] is '&' or '*' or '!' or '|' or '>' or '%' or '@' or '`') throw Wrong(number, $"'{text[0]}' begins what is not read here");
        return text is "~" or "null" ? null : text;
    }

    private static string Unquoted(string text, int number)
    {
        var inner = text[1..^1];
        if (text[0] == '\'') return inner.Replace("''", "'", StringComparison.Ordinal);
        try { return JsonNode.Parse(text)!.GetValue<string>(); }
        catch (System.Text.Json.JsonException error) { throw new FormatException($"yaml: line {number}: {error.Message}", error); }
    }

    /// <summary>Text in brackets.</summary>
    private sealed class FlowText(string text)
    {
        private int _at;

        public string Text => text;

        /// <summary>Whether all brackets are closed.</summary>
        public bool IsWhole
        {
            get
            {
                int open = 0;
                for (int i = 0; i < text.Length; i++)
                {
                    if (text[i] is '"' or '\'') i = Math.Max(End(i), i);
                    else if (text[i] is '[' or '{') open++;
                    else if (text[i] is ']' or '}') open--;
                }
                return open <= 0;
            }
        }

        /// <summary>Where the quote that opens here is closed; -1 when it is not.</summary>
        private int End(int from)
        {
            for (int i = from + 1; i < text.Length; i++)
            {
                if ((text[from] == '"' && text[i] == '\\') || (text[from] == '\'' && text[i] == '\'' && i + 1 < text.Length && text[i + 1] == '\'')) i++;
                else if (text[i] == text[from]) return i;
            }
            return -1;
        }

        public JsonNode? Read(int number, int depth)
        {
            var node = Node(number, depth);
            return _at == text.TrimEnd().Length ? node : throw Wrong(number, "text after a closing bracket");
        }

        private JsonNode? Node(int number, int depth)
        {
            if (depth > MaxDepth) throw Wrong(number, "nested too deeply");
            Skip();
            if (_at == text.Length) throw Wrong(number, "a bracket is not closed");
            if (text[_at] == '[')
            {
                var items = new JsonArray();
                for (bool first = true; Next(']', first, number); first = false) items.Add(Node(number, depth + 1));
                return items;
            }
            if (text[_at] != '{') return Word(number, ",]}");
            var map = new JsonObject();
            for (bool first = true; Next('}', first, number); first = false)
            {
                var key = Word(number, ":") ?? "";
                Skip();
                if (_at == text.Length || text[_at] != ':') throw Wrong(number, "could not find expected ':'");
                _at++;
                map[key] = Node(number, depth + 1);
            }
            return map;
        }

        /// <summary>Goes over an opening bracket or a comma to the next item; false, and over it, at the closing bracket.</summary>
        private bool Next(char close, bool first, int number)
        {
            Skip();
            if (first || (_at < text.Length && text[_at] == ',')) _at++;
            else if (_at == text.Length || text[_at] != close) throw Wrong(number, $"did not find expected ',' or '{close}'");
            Skip();
            if (_at == text.Length) throw Wrong(number, "a bracket is not closed");
            if (text[_at] != close) return true;
            _at++;
            return false;
        }

        private string? Word(int number, string ends)
        {
            Skip();
            int from = _at;
            if (_at < text.Length && text[_at] is '"' or '\'')
            {
                _at = End(from) + 1;
                if (_at == 0) throw Wrong(number, "a quote is not closed");
                return Scalar(text[from.._at], number);
            }
            while (_at < text.Length && !ends.Contains(text[_at])) _at++;
            var word = text[from.._at].Trim();
            return word.Length == 0 ? null : Scalar(word, number);
        }

        private void Skip()
        {
            while (_at < text.Length && text[_at] == ' ') _at++;
        }
    }
}
