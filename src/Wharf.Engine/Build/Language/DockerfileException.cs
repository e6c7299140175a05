using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Language;

/// <summary>Something wrong in a Dockerfile, with the line where it is.</summary>
public sealed class DockerfileException(int line, string problem) : WharfException(ErrorKind.InvalidArgument, $"dockerfile parse error on line {line}: {problem}")
{
    /// <summary>Counted from 1.</summary>
    public int Line { get; } = line;
    public string Problem { get; } = problem;
}
