using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Language;

/// <summary>Something wrong in a Dockerfile, with the line where it is.</summary>
public sealed class DockerfileException(int line, string problem, Exception? inner = null) : WharfException(ErrorKind.InvalidArgument, $"dockerfile parse error on line {line}: {problem}", inner)
{
    /// <summary>The file could not even be taken apart into instructions.</summary>
    public bool IsSyntax { get; init; }
    /// <summary>Counted from 1.</summary>
    public int Line { get; } = line;
    public string Problem { get; } = problem;
}
