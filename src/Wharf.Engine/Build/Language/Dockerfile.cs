namespace Wharf.Engine.Build.Language;

/// <summary>
/// A Dockerfile as written: its directives, the ARGs before the first FROM, and its stages
/// (https://docs.docker.com/reference/dockerfile/). Nothing is expanded yet.
/// </summary>
public sealed record Dockerfile
{
    /// <summary>The file's name, for messages.</summary>
    public required string Name { get; init; }
    /// <summary><c>syntax</c>, <c>escape</c> and <c>check</c>, by lower-case name.</summary>
    public required IReadOnlyDictionary<string, string> Directives { get; init; }
    /// <summary>ARG instructions before the first FROM.</summary>
    public required IReadOnlyList<Instruction> MetaArgs { get; init; }
    public required IReadOnlyList<Stage> Stages { get; init; }
    /// <summary>The text's lines, for showing where something went wrong.</summary>
    public required IReadOnlyList<string> Lines { get; init; }
    /// <summary>What is allowed but not wise, to tell the user.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
    /// <summary>Last lines of continued instructions that have empty lines inside.</summary>
    public IReadOnlyList<int> EmptyContinuations { get; init; } = [];
    public char Escape { get; init; } = '\\';
}

/// <summary>A FROM and the instructions up to the next.</summary>
public sealed record Stage
{
    public required int Index { get; init; }
    /// <summary>The name after AS, lower case; empty when there is none.</summary>
    public required string Name { get; init; }
    /// <summary>What FROM names, not expanded.</summary>
    public required string Base { get; init; }
    /// <summary>The value of <c>--platform</c>, not expanded.</summary>
    public string? Platform { get; init; }
    public required Instruction From { get; init; }
    public required IReadOnlyList<Instruction> Instructions { get; init; }
}

/// <summary>One instruction: continuation lines joined, comments gone, flags apart.</summary>
public sealed record Instruction
{
    /// <summary>Upper case.</summary>
    public required string Name { get; init; }
    /// <summary>The name as it is written.</summary>
    public string Keyword { get; init; } = "";
    /// <summary><c>--name=value</c> or <c>--name</c>, as written.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];
    /// <summary>All after name and flags.</summary>
    public string Rest { get; init; } = "";
    public IReadOnlyList<Heredoc> Heredocs { get; init; } = [];
    /// <summary>The whole instruction on one line, as progress output shows it.</summary>
    public required string Text { get; init; }
    /// <summary>The same as it is written: the name in its case, blanks as they are.</summary>
    public string Original { get; init; } = "";
    public required int FirstLine { get; init; }
    public required int LastLine { get; init; }

    /// <summary>The value of a flag; null when it is not there. The last one counts.</summary>
    public string? Flag(string name) => FlagValues(name) is [.., var last] ? last : null;

    /// <summary>All values of a flag that may be repeated; a flag without a value counts as <c>true</c>.</summary>
    public List<string> FlagValues(string name)
    {
        var values = new List<string>();
        foreach (var flag in Flags)
        {
            if (flag == "--" + name) values.Add("true");
            else if (flag.Length > name.Length + 2 && flag[name.Length + 2] == '=' && flag.AsSpan(2).StartsWith(name, StringComparison.Ordinal)) values.Add(flag[(name.Length + 3)..]);
        }
        return values;
    }

    public bool IsSet(string name) => Flag(name) is { } value && !value.Equals("false", StringComparison.OrdinalIgnoreCase);
}

/// <summary>A here-document of RUN, COPY or ADD. <see cref="Expand"/> is off when its word was quoted.</summary>
public sealed record Heredoc(string Name, string Content, bool Expand);
