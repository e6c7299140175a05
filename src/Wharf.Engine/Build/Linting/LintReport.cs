using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Linting;

/// <summary>The warnings of a Dockerfile, less those its <c># check</c> directive asks to skip, and with those on trial that it asks for.</summary>
public sealed class LintReport
{
    /// <summary>Rules on trial: told only to who names them, and then whatever is skipped.</summary>
    private static readonly string[] OnTrial = ["CopyIgnoredFile", "InvalidDefinitionDescription"];

    private readonly List<LintWarning> _warnings = [];
    private readonly HashSet<string> _skipped = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tried = new(StringComparer.Ordinal);

    /// <param name="directive">What follows <c># check=</c>: options with values, apart by semicolons; null when there is none.</param>
    public LintReport(string? directive)
    {
        if (string.IsNullOrWhiteSpace(directive)) return;
        foreach (var part in directive.Trim().Split(';', 3))
        {
            if (part.Split('=', 2) is not [var key, var value]) throw WharfException.Invalid($"failed to parse check options: invalid check option \"{part}\"");
            switch (key.Trim())
            {
                case "skip": Take(_skipped, value); break;
                case "experimental": Take(_tried, value); break;
                case "error": IsError = Specs.GoSyntax.Bool(value.Trim()) ?? throw WharfException.Invalid($"failed to parse check options: failed to parse check option \"{part}\": strconv.ParseBool: parsing \"{value.Trim()}\": invalid syntax"); break;
                default: throw WharfException.Invalid($"failed to parse check options: invalid check option \"{key.Trim()}\"");
            }
        }
    }

    /// <summary>As the Dockerfile wants it, or the caller by a build argument.</summary>
    public static LintReport Of(Language.Dockerfile file, IReadOnlyDictionary<string, string?> arguments) => new(arguments.GetValueOrDefault("BUILDKIT_DOCKERFILE_CHECK") ?? file.Directives.GetValueOrDefault("check"));

    /// <summary>What BuildKit says where warnings fail the build; null where they do not, or there are none.</summary>
    public string? Violation => IsError && _warnings.Count > 0 ? "lint violation found for rules: " + string.Join(", ", _warnings.Select(static warning => warning.Rule).Distinct().Order(StringComparer.Ordinal)) : null;

    /// <summary>The Dockerfile wants warnings to fail the build.</summary>
    public bool IsError { get; }

    public IReadOnlyList<LintWarning> Warnings => [.. _warnings.OrderBy(static warning => warning.Line)];

    /// <summary>Whether a rule is told of at all.</summary>
    public bool Heeds(string rule) => Array.IndexOf(OnTrial, rule) >= 0 ? Names(_tried, rule) : !Names(_skipped, rule);

    public void Add(string rule, string description, string message, int line, int lastLine)
    {
        if (!Heeds(rule) || _warnings.Exists(warning => warning.Rule == rule && warning.Line == line && warning.Message == message)) return;
        _warnings.Add(new LintWarning(rule, description, message, line, lastLine));
    }

    private static void Take(HashSet<string> rules, string value)
    {
        rules.Clear();
        rules.UnionWith(value.Split(',', StringSplitOptions.TrimEntries));
    }

    private static bool Names(HashSet<string> rules, string rule) => rules.Contains("all") || rules.Contains(rule);
}
