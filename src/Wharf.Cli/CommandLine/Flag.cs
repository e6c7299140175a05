namespace Wharf.Cli.CommandLine;

/// <summary>One flag of a command, with docker's (pflag's) spelling rules.</summary>
internal abstract class Flag(string name, char shorthand, string typeName, string help)
{
    public string Name { get; } = name;
    /// <summary>The one-letter form, or <c>'\0'</c>.</summary>
    public char Shorthand { get; } = shorthand;
    /// <summary>The word after the name in help; empty for switches.</summary>
    public string TypeName { get; } = typeName;
    public string Help { get; } = help;
    /// <summary>Shown in help as <c>(default …)</c>; null when it is the type's own zero.</summary>
    public string? DefaultText { get; init; }
    /// <summary>Accepted but left out of help: old spellings and what only other systems use.</summary>
    public bool Hidden { get; init; }
    /// <summary>Whether the user gave it, as opposed to its value being the default.</summary>
    public bool Changed { get; private set; }
    /// <summary>Switches need no value: <c>--rm</c> means <c>--rm=true</c>.</summary>
    public virtual bool IsSwitch => false;

    /// <summary>Its value as docker prints it: what was typed last, unless a kind of flag knows better.</summary>
    public virtual string Text => typed;
    private string typed = "";

    /// <summary>Takes one value as typed. Throws <see cref="FormatException"/> with the reason.</summary>
    public void Set(string text)
    {
        Accept(text);
        typed = text;
        Changed = true;
    }

    protected abstract void Accept(string text);

    /// <summary>As named in errors: <c>-m, --memory</c>.</summary>
    public string Spelling => Shorthand == '\0' ? $"--{Name}" : $"-{Shorthand}, --{Name}";
}
