using System.Text;

namespace Wharf.Engine.Build.Linting;

/// <summary>What a rule found. Lines are counted from 1; 0 for none.</summary>
public sealed record LintWarning(string Rule, string Description, string Message, int Line, int LastLine)
{
    /// <summary>Where the rule is explained.</summary>
    public string Url { get; } = $"https://docs.docker.com/go/dockerfile/rule/{Kebab(Rule)}/";

    private static string Kebab(string name)
    {
        var text = new StringBuilder();
        for (int i = 0; i < name.Length; i++)
        {
            bool starts = char.IsUpper(name[i]) && i > 0 && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1])));
            if (starts) text.Append('-');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }
}

/// <summary>The warnings of a Dockerfile, less those its <c># check</c> directive asks to skip.</summary>
public sealed class LintReport
{
    private readonly List<LintWarning> _warnings = [];
    private readonly HashSet<string> _skipped = new(StringComparer.OrdinalIgnoreCase);
    private readonly bool _skipAll;

    public LintReport(string? directive)
    {
        foreach (var part in (directive ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (key, value) = part.Split('=', 2) is [var left, var right] ? (left.Trim(), right.Trim()) : (part, "");
            if (key == "error") IsError = value.Equals("true", StringComparison.OrdinalIgnoreCase) || value == "1";
            else if (key == "skip")
                foreach (var rule in value.Split(',', StringSplitOptions.TrimEntries)) _skipped.Add(rule);
        }
        _skipAll = _skipped.Contains("all");
    }

    /// <summary>The Dockerfile wants warnings to fail the build.</summary>
    public bool IsError { get; }

    public IReadOnlyList<LintWarning> Warnings => [.. _warnings.OrderBy(static warning => warning.Line)];

    public void Add(string rule, string description, string message, int line, int lastLine)
    {
        if (_skipAll || _skipped.Contains(rule) || _warnings.Exists(warning => warning.Rule == rule && warning.Line == line && warning.Message == message)) return;
        _warnings.Add(new LintWarning(rule, description, message, line, lastLine));
    }
}
