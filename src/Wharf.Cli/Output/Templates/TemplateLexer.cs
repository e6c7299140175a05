using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>Cuts a Go template into tokens: https://pkg.go.dev/text/template.</summary>
internal sealed class TemplateLexer(string source)
{
    private readonly List<Token> tokens = [];
    private int position;

    public List<Token> Read()
    {
        var trimNext = false;
        while (position < source.Length)
        {
            var open = source.IndexOf("{{", position, StringComparison.Ordinal);
            var end = open < 0 ? source.Length : open;
            var text = source[position..end];
            if (trimNext) text = text.TrimStart();
            if (open >= 0 && IsTrimMarker(open + 2, before: false)) text = text.TrimEnd();
            if (text.Length > 0) tokens.Add(new Token(TokenKind.Text, text, position));
            if (open < 0) break;
            position = open + 2;
            if (IsTrimMarker(position, before: false)) position += 2;
            trimNext = ReadAction(open);
        }
        tokens.Add(new Token(TokenKind.End, "", source.Length));
        return tokens;
    }

    /// <summary><c>{{- </c> and <c> -}}</c>: the minus needs a space on its inner side, or it would be a number's sign.</summary>
    private bool IsTrimMarker(int at, bool before) => before
        ? at + 1 < source.Length && source[at] == ' ' && source.AsSpan(at).TrimStart().StartsWith("-}}")
        : at + 1 < source.Length && source[at] == '-' && char.IsWhiteSpace(source[at + 1]);

    private bool ReadAction(int open)
    {
        if (source.AsSpan(position).StartsWith("/*"))
        {
            var close = source.IndexOf("*/", position, StringComparison.Ordinal);
            if (close < 0) throw Error("unclosed comment");
            position = close + 2;
            return ReadClose() ?? throw Error("comment ends before closing delimiter");
        }
        tokens.Add(new Token(TokenKind.Open, "{{", open));
        while (true)
        {
            if (ReadClose() is { } trims)
            {
                tokens.Add(new Token(TokenKind.Close, "}}", position));
                return trims;
            }
            if (position >= source.Length) throw Error("unclosed action");
            ReadToken();
        }
    }

    private bool? ReadClose()
    {
        var at = position;
        while (at < source.Length && char.IsWhiteSpace(source[at])) at++;
        if (source.AsSpan(at).StartsWith("-}}") && at > position)
        {
            position = at + 3;
            return true;
        }
        position = at;
        if (!source.AsSpan(at).StartsWith("}}")) return null;
        position = at + 2;
        return false;
    }

    private void ReadToken()
    {
        var from = position;
        var c = source[position++];
        var token = c switch
        {
            '|' => new Token(TokenKind.Pipe, "|", from),
            '(' => new Token(TokenKind.OpenParenthesis, "(", from),
            ')' => new Token(TokenKind.CloseParenthesis, ")", from),
            ',' => new Token(TokenKind.Comma, ",", from),
            '=' => new Token(TokenKind.Assign, "=", from),
            ':' when Next() == '=' => Advance(new Token(TokenKind.Declare, ":=", from)),
            '"' => ReadQuoted(from),
            '`' => ReadRaw(from),
            '\'' => ReadCharacter(from),
            '.' when !char.IsAsciiDigit(Next()) => ReadWord() is { Length: > 0 } name ? new Token(TokenKind.Field, name, from) : new Token(TokenKind.Dot, ".", from),
            '$' => new Token(TokenKind.Variable, "$" + ReadWord(), from),
            '+' or '-' or '.' or (>= '0' and <= '9') => ReadNumber(from),
            _ when char.IsLetter(c) || c == '_' => new Token(TokenKind.Identifier, c + ReadWord(), from),
            _ => throw Error($"unexpected {Quoting.Quote(c.ToString())} in command"),
        };
        tokens.Add(token);
    }

    private char Next() => position < source.Length ? source[position] : '\0';

    private Token Advance(Token token)
    {
        position++;
        return token;
    }

    private string ReadWord()
    {
        var from = position;
        while (position < source.Length && (char.IsLetterOrDigit(source[position]) || source[position] == '_')) position++;
        return source[from..position];
    }

    private Token ReadNumber(int from)
    {
        while (position < source.Length && (char.IsLetterOrDigit(source[position]) || source[position] is '.' or '_' || (source[position] is '+' or '-' && source[position - 1] is 'e' or 'E'))) position++;
        return new Token(TokenKind.Number, source[from..position], from);
    }

    private Token ReadRaw(int from)
    {
        var close = source.IndexOf('`', position);
        if (close < 0) throw Error("unterminated raw quoted string");
        var text = source[position..close];
        position = close + 1;
        return new Token(TokenKind.Literal, text, from);
    }

    private Token ReadCharacter(int from)
    {
        var text = ReadEscaped('\'', "unterminated character constant");
        return text.Length == 1 ? new Token(TokenKind.Number, ((int)text[0]).ToString(System.Globalization.CultureInfo.InvariantCulture), from) : throw Error("malformed character constant: " + source[from..position]);
    }

    private Token ReadQuoted(int from) => new(TokenKind.Literal, ReadEscaped('"', "unterminated quoted string"), from);

    private string ReadEscaped(char quote, string unterminated)
    {
        var text = new StringBuilder();
        while (true)
        {
            if (position >= source.Length || source[position] == '\n') throw Error(unterminated);
            var c = source[position++];
            if (c == quote) return text.ToString();
            if (c != '\\') { text.Append(c); continue; }
            if (position >= source.Length) throw Error(unterminated);
            text.Append(ReadEscape());
        }
    }

    private char ReadEscape() => source[position++] switch
    {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\a',
        'b' => '\b',
        'f' => '\f',
        'v' => '\v',
        'x' => ReadHex(2),
        'u' => ReadHex(4),
        var other => other,
    };

    private char ReadHex(int digits)
    {
        if (position + digits > source.Length || !int.TryParse(source.AsSpan(position, digits), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var code)) throw Error("invalid escape");
        position += digits;
        return (char)code;
    }

    private TemplateException Error(string message) => new($"template: :{1 + source.AsSpan(0, Math.Min(position, source.Length)).Count('\n')}: {message}");
}
