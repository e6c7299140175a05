using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Language;

/// <summary>Something wrong in a Dockerfile, with the line where it is.</summary>
public sealed class DockerfileException(int line, string problem, Exception? inner = null) : WharfException(ErrorKind.InvalidArgument, problem, inner)
{
    /// <summary>The file could not even be taken apart into instructions.</summary>
    public bool IsSyntax { get; init; }
    /// <summary>The instruction is well written; what it comes to is wrong.</summary>
    public bool IsMeaning { get; init; }
    /// <summary>Counted from 1.</summary>
    public int Line { get; } = line;
    /// <summary>The last line of what is wrong.</summary>
    public int LastLine { get; init; } = line;
    public string Problem { get; } = problem;

    /// <summary>Docker's builders tell the line in the text only of an instruction that is wrong by itself.</summary>
    public override string Message => IsSyntax || IsMeaning ? Problem : $"dockerfile parse error on line {Line}: {Problem}";
}
