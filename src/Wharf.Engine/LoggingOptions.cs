using Wharf.Specs.Errors;

namespace Wharf.Engine;

/// <summary>The daemon's own log, on stderr.</summary>
public sealed record LoggingOptions
{
    private static readonly string[] Levels = ["debug", "info", "warn", "error", "fatal"];

    /// <summary><c>text</c>, <c>json</c>, or empty: text for a terminal and the journal, JSON for anything else.</summary>
    public string Format { get; init; } = "";
    public string Level { get; init; } = "info";
    /// <summary>Keys of docker's daemon.json that are understood and change nothing, each with why.</summary>
    public IReadOnlyList<string> WithoutEffect { get; init; } = [];

    public void Validate()
    {
        if (Format is not ("" or "text" or "json")) throw WharfException.Invalid($"invalid log format: {Format}");
        if (!Levels.Contains(Level)) throw WharfException.Invalid($"invalid logging level: {Level}");
    }
}
