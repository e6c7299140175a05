namespace Wharf.Cli.CommandLine;

/// <summary>A name in the tree: a verb with its <see cref="Command"/>, or a noun with more names below it.</summary>
internal sealed record CommandEntry(string Name, string Summary)
{
    /// <summary>Makes the verb; null for a noun.</summary>
    public Func<Command>? Create { get; init; }
    public IReadOnlyList<CommandEntry> Children { get; init; } = [];
    /// <summary>Other names at the same place: <c>list</c> for <c>ls</c>.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];
    /// <summary>Every full spelling, shown in help: <c>container ls</c>, <c>ps</c>.</summary>
    public IReadOnlyList<string> Spellings { get; init; } = [];
    /// <summary>The heading in the list of all commands.</summary>
    public string Group { get; init; } = "Commands";

    /// <summary>There, but in no list of commands.</summary>
    public bool IsHidden { get; init; }

    public bool IsCalled(string word) => Name == word || Aliases.Contains(word);
    public CommandEntry? Find(string word) => Children.FirstOrDefault(child => child.IsCalled(word));
}
