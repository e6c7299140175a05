using System.Text;

namespace Wharf.Engine.Build.Language;

/// <summary>
/// Variables, quotes and escapes of a word, by the Dockerfile's rules ("Environment replacement" of the reference): <c>$v</c>,
/// <c>${v:-w}</c>, <c>${v:+w}</c>, <c>${v:?w}</c> and the forms without a colon, <c>${v#p}</c>, <c>${v##p}</c>, <c>${v%p}</c>,
/// <c>${v%%p}</c>, <c>${v/p/r}</c>, <c>${v//p/r}</c>.
/// </summary>
internal sealed class WordExpansion(Func<string, string?> lookup, char escape)
{
    /// <summary>Names that were used and are not set, for warnings.</summary>
    public HashSet<string> Unset { get; } = new(StringComparer.Ordinal);

    /// <summary>Keeps quotes and backslashes as they are, for here-documents: only variables are replaced.</summary>
    public string ExpandDocument(string text)
    {
        var cursor = new Cursor(text);
        var result = new StringBuilder();
        while (cursor.More)
        {
            if (cursor.Peek == escape && cursor.Ahead is '$' or '\\')
            {
                cursor.Skip();
                result.Append(cursor.Take());
            }
            else if (cursor.Peek == '$') result.Append(Variable(ref cursor));
            else result.Append(cursor.Take());
        }
        return result.ToString();
    }

    /// <summary>The word with variables replaced, quotes and escapes taken away.</summary>
    public string Expand(string word)
    {
        var cursor = new Cursor(word);
        return Until(ref cursor, '\0');
    }

    /// <summary>Quotes stay, and variables that are not set: as commands are shown.</summary>
    public bool ForShow { get; init; }

    /// <param name="pattern">Escapes stay, for the pattern to mean.</param>
    private string Until(ref Cursor cursor, char stop, bool pattern = false)
    {
        var result = new StringBuilder();
        while (cursor.More && (stop == '\0' || cursor.Peek != stop))
        {
            char c = cursor.Peek;
            if (c == '\'') SingleQuoted(ref cursor, result);
            else if (c == '"') DoubleQuoted(ref cursor, result);
            else if (c == '$') result.Append(Variable(ref cursor));
            else if (c == escape)
            {
                cursor.Skip();
                if (pattern) result.Append(c);
                // An escape at the very end stands for nothing.
                if (cursor.More) result.Append(cursor.Take());
            }
            else result.Append(cursor.Take());
        }
        return result.ToString();
    }

    private void SingleQuoted(ref Cursor cursor, StringBuilder result)
    {
        Quote(ref cursor, result);
        while (cursor.More && cursor.Peek != '\'') result.Append(cursor.Take());
        if (!cursor.More) throw new FormatException("unexpected end of statement while looking for matching single-quote");
        Quote(ref cursor, result);
    }

    private void Quote(ref Cursor cursor, StringBuilder result)
    {
        char quote = cursor.Take();
        if (ForShow) result.Append(quote);
    }

    private void DoubleQuoted(ref Cursor cursor, StringBuilder result)
    {
        Quote(ref cursor, result);
        while (cursor.More && cursor.Peek != '"')
        {
            if (cursor.Peek == '$') result.Append(Variable(ref cursor));
            else if (cursor.Peek == escape)
            {
                cursor.Skip();
                if (!cursor.More) throw new FormatException("unexpected end of statement while looking for matching double-quote");
                // Inside quotes an escape is only one before a quote, a dollar or itself.
                if (cursor.Peek is not ('"' or '$') && cursor.Peek != escape) result.Append(escape);
                result.Append(cursor.Take());
            }
            else result.Append(cursor.Take());
        }
        if (!cursor.More) throw new FormatException("unexpected end of statement while looking for matching double-quote");
        Quote(ref cursor, result);
    }

    private string Variable(ref Cursor cursor)
    {
        int start = cursor.At;
        _isMissing = false;
        var value = VariableValue(ref cursor);
        return ForShow && _isMissing ? cursor.Slice(start) : value;
    }

    private bool _isMissing;

    private string VariableValue(ref Cursor cursor)
    {
        cursor.Skip();
        if (!cursor.More) return "$";
        if (cursor.Peek == '{')
        {
            cursor.Skip();
            return Braced(ref cursor);
        }
        var name = Name(ref cursor);
        return name.Length == 0 ? "$" : Value(name) ?? "";
    }

    private static string Name(ref Cursor cursor)
    {
        int start = cursor.At;
        // What a shell has of its own is a name here too: the variable is never set.
        if (cursor.More && cursor.Peek is ('@' or '*' or '#' or '?' or '-' or '$' or '!')) return cursor.Take().ToString();
        while (cursor.More && char.IsAsciiDigit(cursor.Peek)) cursor.Skip();
        if (cursor.At > start) return cursor.Slice(start);
        while (cursor.More && (char.IsAsciiLetterOrDigit(cursor.Peek) || cursor.Peek == '_')) cursor.Skip();
        return cursor.Slice(start);
    }

    private string? Value(string name)
    {
        var value = lookup(name);
        _isMissing = value is null;
        if (value is null) Unset.Add(name);
        return value;
    }

    private string Braced(ref Cursor cursor)
    {
        var name = Name(ref cursor);
        // In docker's words, which show the end of the text as the character that stands for none.
        if (name.Length == 0) throw new FormatException("syntax error: bad substitution");
        if (!cursor.More) throw new FormatException("unsupported modifier (\uFFFD) in substitution");
        char modifier = cursor.Take();
        switch (modifier)
        {
            case '}': return Value(name) ?? "";
            case ':':
                char kind = cursor.More ? cursor.Take() : '\0';
                return Conditional(name, kind, Operand(ref cursor), emptyCounts: true);
            case '-' or '+' or '?': return Conditional(name, modifier, Operand(ref cursor), emptyCounts: false);
            case '#' or '%':
                bool longest = cursor.More && cursor.Peek == modifier;
                if (longest) cursor.Skip();
                return Trimmed(Value(name) ?? "", Checked(Operand(ref cursor, pattern: true), fromEnd: modifier == '%'), prefix: modifier == '#', longest);
            case '/':
                bool all = cursor.More && cursor.Peek == '/';
                if (all) cursor.Skip();
                var pattern = Checked(Until(ref cursor, '/', pattern: true), fromEnd: false);
                if (!cursor.More) throw new FormatException("syntax error: missing '/' in ${}");
                cursor.Skip();
                return Replaced(Value(name) ?? "", pattern, Operand(ref cursor, pattern: true), all);
            default: throw new FormatException($"unsupported modifier ({modifier}) in substitution");
        }
    }

    private string Operand(ref Cursor cursor, bool pattern = false)
    {
        var operand = Until(ref cursor, '}', pattern);
        if (!cursor.More) throw new FormatException("syntax error: missing '}'");
        cursor.Skip();
        return operand;
    }

    /// <summary>Only what has a meaning may be escaped in a pattern. Docker tells one for the end of a value from its end.</summary>
    private static string Checked(string pattern, bool fromEnd)
    {
        var parts = new List<string>();
        for (int i = 0; i < pattern.Length; i += parts[^1].Length) parts.Add(pattern.Substring(i, pattern[i] == '\\' && i + 1 < pattern.Length ? 2 : 1));
        if (parts.Find(static part => part.Length == 2 && part[1] is not ('*' or '?' or '\\' or '/' or '}')) is not { } wrong) return pattern;
        if (fromEnd) parts.Reverse();
        throw new FormatException($"invalid pattern ({string.Concat(parts)}) in substitution: invalid escape '{wrong}'");
    }

    private string Conditional(string name, char kind, string operand, bool emptyCounts)
    {
        var value = Value(name);
        bool present = value is not null && !(emptyCounts && value.Length == 0);
        return kind switch
        {
            '-' => present ? value! : operand,
            '+' => present ? operand : "",
            '?' => present ? value! : throw new FormatException($"{name}: {(operand.Length > 0 ? operand : emptyCounts ? "is not allowed to be unset or empty" : "is not allowed to be unset")}"),
            _ => throw new FormatException($"unsupported modifier (:{kind}) in substitution"),
        };
    }

    private static string Trimmed(string value, string pattern, bool prefix, bool longest)
    {
        for (int i = 0; i <= value.Length; i++)
        {
            int length = longest ? value.Length - i : i;
            var part = prefix ? value.AsSpan(0, length) : value.AsSpan(value.Length - length);
            if (Wildcards(pattern, part)) return prefix ? value[length..] : value[..^length];
        }
        return value;
    }

    private static string Replaced(string value, string pattern, string replacement, bool all)
    {
        if (pattern.Length == 0) return value;
        var result = new StringBuilder();
        int at = 0;
        while (at < value.Length)
        {
            int length = value.Length - at;
            while (length > 0 && !Wildcards(pattern, value.AsSpan(at, length))) length--;
            if (length == 0)
            {
                result.Append(value[at++]);
                continue;
            }
            result.Append(replacement);
            at += length;
            if (!all) break;
        }
        return result.Append(value.AsSpan(at)).ToString();
    }

    /// <summary>Shell patterns of <c>*</c> and <c>?</c>, an escape before a character taking it as it is.</summary>
    private static bool Wildcards(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        while (!pattern.IsEmpty)
        {
            if (pattern[0] == '*')
            {
                pattern = pattern[1..];
                for (int skip = 0; skip <= text.Length; skip++)
                    if (Wildcards(pattern, text[skip..])) return true;
                return false;
            }
            bool any = pattern[0] == '?';
            if (pattern[0] == '\\' && pattern.Length > 1) pattern = pattern[1..];
            if (text.IsEmpty || (!any && text[0] != pattern[0])) return false;
            pattern = pattern[1..];
            text = text[1..];
        }
        return text.IsEmpty;
    }

    private struct Cursor(string text)
    {
        public int At { get; private set; }
        public readonly bool More => At < text.Length;
        public readonly char Peek => text[At];
        public readonly char Ahead => At + 1 < text.Length ? text[At + 1] : '\0';
        public char Take() => text[At++];
        public void Skip() => At++;
        public readonly string Slice(int start) => text[start..At];
    }
}
