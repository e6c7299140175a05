namespace Wharf.Runtime.Commands.CommandLine;

/// <summary>What a flag takes.</summary>
internal enum FlagKind { Switch, Value, List }

/// <summary>A flag of the command line: its long name, perhaps a short one, and what help says of it.</summary>
internal sealed record Flag(string Name, FlagKind Kind, string Help, string? Short = null, string? Default = null)
{
    public static Flag Switch(string name, string help, string? @short = null) => new(name, FlagKind.Switch, help, @short);
    public static Flag Value(string name, string help, string? @short = null, string? @default = null) => new(name, FlagKind.Value, help, @short, @default);
    public static Flag List(string name, string help, string? @short = null) => new(name, FlagKind.List, help, @short);

    public bool Is(string name) => name == Name || name == Short;
}

/// <summary>The command line is wrong; the command's usage is shown with the message.</summary>
internal sealed class UsageException(string message, bool told) : Exception(message)
{
    /// <summary>True when the message is part of the first line already: a flag nobody knows.</summary>
    public bool OfFlag { get; } = told;
}
