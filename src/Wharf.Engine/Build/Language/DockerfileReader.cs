using System.Text;

namespace Wharf.Engine.Build.Language;

/// <summary>Turns a Dockerfile's text into instructions: directives, comments, continuation lines and here-documents.</summary>
internal sealed class DockerfileReader
{
    private static readonly string[] KnownDirectives = ["syntax", "escape", "check"];
    private static readonly string[] WithHeredocs = ["RUN", "COPY", "ADD"];
    private const int MaxLine = 65_535;

    private readonly string[] _lines;
    private readonly HashSet<int> _returns = [];
    private int _next;

    public DockerfileReader(string text)
    {
        _lines = text.TrimStart('\uFEFF').Split('\n');
        for (int i = 0; i < _lines.Length; i++)
        {
            if (_lines[i].Length > MaxLine / 3 && Encoding.UTF8.GetByteCount(_lines[i]) > MaxLine) throw new DockerfileException(i + 1, $"dockerfile line greater than max allowed size of {MaxLine}") { IsSyntax = true };
            if (_lines[i].EndsWith('\r')) _returns.Add(i);
            _lines[i] = _lines[i].TrimEnd('\r');
        }
        ReadDirectives();
    }

    public Dictionary<string, string> Directives { get; } = new(StringComparer.Ordinal);
    public List<string> Warnings { get; } = [];
    public List<int> EmptyContinuations { get; } = [];
    public IReadOnlyList<string> Lines => _lines;
    public char Escape { get; private set; } = '\\';

    /// <summary>Directives stand before everything else; the first line that is none ends them.</summary>
    private void ReadDirectives()
    {
        for (; _next < _lines.Length; _next++)
        {
            var line = _lines[_next].Trim();
            int equals = line.IndexOf('=');
            if (!line.StartsWith('#') || equals < 0) break;
            var name = line[1..equals].Trim().ToLowerInvariant();
            if (Array.IndexOf(KnownDirectives, name) < 0) break;
            var value = line[(equals + 1)..].Trim();
            if (!Directives.TryAdd(name, value)) throw new DockerfileException(_next + 1, $"only one {name} parser directive can be used") { IsSyntax = true };
            if (name == "escape") Escape = value is "\\" or "`" ? value[0] : throw new DockerfileException(_next + 1, $"invalid escape token '{value}' does not match ` or \\") { IsSyntax = true };
        }
    }

    /// <summary>The next instruction; null at the end.</summary>
    public Instruction? Next()
    {
        while (_next < _lines.Length && IsBlankOrComment(_lines[_next])) _next++;
        if (_next >= _lines.Length) return null;
        int first = _next;
        var text = ReadLogicalLine();
        var (name, rest) = SplitName(text);
        var (flags, afterFlags) = TakeFlags(rest, first + 1);
        var heredocs = HasHeredocs(name, afterFlags) ? ReadHeredocs(afterFlags, first + 1) : [];
        return new Instruction
        {
            Name = name, Keyword = text[..name.Length], Flags = flags, Rest = afterFlags, Heredocs = heredocs, FirstLine = first + 1, LastLine = _next,
            Text = rest.Length == 0 ? name : $"{name} {rest}", Original = text,
        };
    }

    private static bool HasHeredocs(string name, string rest)
    {
        if (!rest.Contains("<<", StringComparison.Ordinal)) return false;
        if (name == "ONBUILD") name = SplitName(rest).Name;
        return Array.IndexOf(WithHeredocs, name) >= 0;
    }

    private static bool IsBlankOrComment(string line) => line.AsSpan().Trim() is [] or ['#', ..];

    /// <summary>Joins lines that end with the escape character; comment lines and empty ones between them fall out.</summary>
    private string ReadLogicalLine()
    {
        var text = new StringBuilder();
        bool emptyInside = false;
        for (bool first = true; _next < _lines.Length; first = false)
        {
            var line = _lines[_next++];
            if (!first && IsBlankOrComment(line))
            {
                // After the last line there is nothing, which is no empty line.
                emptyInside |= line.AsSpan().Trim().IsEmpty && _next < _lines.Length;
                continue;
            }
            if (first) line = line.TrimStart();
            if (!Continues(line, out var kept))
            {
                text.Append(line);
                break;
            }
            text.Append(kept);
        }
        if (emptyInside) EmptyContinuations.Add(_next);
        if (emptyInside) Warnings.Add("Empty continuation line found in: " + text.ToString().Trim());
        return text.ToString().Trim();
    }

    /// <summary>True when the line ends with one escape character, blanks after it not counted; two are one character of the text.</summary>
    private bool Continues(string line, out string kept)
    {
        var trimmed = line.TrimEnd(' ', '\t');
        kept = "";
        if (!trimmed.EndsWith(Escape)) return false;
        if (trimmed.Length > 1 && trimmed[^2] == Escape) return false;
        kept = trimmed[..^1];
        return true;
    }

    internal static (string Name, string After) SplitName(string text)
    {
        int end = text.AsSpan().IndexOfAny(' ', '\t', '\n');
        return end < 0 ? (text.ToUpperInvariant(), "") : (text[..end].ToUpperInvariant(), text[end..].Trim());
    }

    /// <summary>Takes the words that begin with two dashes from the front; <c>--</c> alone ends them.</summary>
    internal (List<string> Flags, string After) TakeFlags(string text, int line)
    {
        var flags = new List<string>();
        while (text.StartsWith("--", StringComparison.Ordinal))
        {
            var word = WordSplit.Words(text, Escape)[0];
            text = text[word.Length..].TrimStart();
            if (word == "--") return (flags, text);
            flags.Add(Unquote(word, line));
        }
        return (flags, text);
    }

    private string Unquote(string word, int line)
    {
        var result = new StringBuilder();
        char quote = '\0';
        for (int i = 0; i < word.Length; i++)
        {
            char c = word[i];
            if (c == Escape && quote != '\'' && i + 1 < word.Length && word[i + 1] is '"' or '\'') result.Append(word[++i]);
            else if (quote != '\0' && c == quote) quote = '\0';
            else if (quote == '\0' && c is '"' or '\'') quote = c;
            else result.Append(c);
        }
        return quote == '\0' ? result.ToString() : throw new DockerfileException(line, $"unexpected end of flag while looking for matching {quote}") { IsSyntax = true };
    }

    private List<Heredoc> ReadHeredocs(string rest, int line)
    {
        var documents = new List<Heredoc>();
        foreach (var word in WordSplit.Words(rest, Escape))
        {
            if (HeredocWord.Parse(word) is not { } start) continue;
            documents.Add(new Heredoc(start.Name, ReadHeredoc(start, line), start.Expand));
        }
        return documents;
    }

    private string ReadHeredoc(HeredocWord start, int line)
    {
        var content = new StringBuilder();
        while (_next < _lines.Length)
        {
            var text = _lines[_next++];
            if (start.StripTabs) text = text.TrimStart('\t');
            if (text == start.Name) return content.ToString();
            // What is inside stays as it is, ends of lines too.
            content.Append(text).Append(_returns.Contains(_next - 1) ? "\r\n" : "\n");
        }
        throw new DockerfileException(line, "unterminated heredoc") { IsSyntax = true, LastLine = _lines[^1].Length > 0 ? _lines.Length : _lines.Length - 1 };
    }
}

/// <summary>The word that begins a here-document: <c>&lt;&lt;EOF</c>, <c>&lt;&lt;-EOF</c>, <c>3&lt;&lt;"EOF"</c>.</summary>
internal sealed record HeredocWord(string Name, bool StripTabs, bool Expand)
{
    public static HeredocWord? Parse(string word)
    {
        var rest = word.AsSpan().TrimStart("0123456789");
        if (!rest.StartsWith("<<")) return null;
        rest = rest[2..];
        bool strip = rest.StartsWith("-");
        if (strip) rest = rest[1..];
        if (rest.IsEmpty || rest.Contains('<') || WordSplit.Words(word, '\\').Count > 1) return null;
        bool quoted = rest.ContainsAny("'\"\\");
        var name = rest.ToString().Replace("\"", "", StringComparison.Ordinal).Replace("'", "", StringComparison.Ordinal).Replace("\\", "", StringComparison.Ordinal);
        return name.Length == 0 ? null : new HeredocWord(name, strip, !quoted);
    }
}
