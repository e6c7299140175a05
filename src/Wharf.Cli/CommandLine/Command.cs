namespace Wharf.Cli.CommandLine;

/// <summary>One verb: its flags, its usage and what it does. Made only when it is the one to run or to explain.</summary>
internal abstract class Command
{
    /// <summary>What follows the command's name in usage, e.g. <c>[OPTIONS] IMAGE</c>. A second line is a second form.</summary>
    public abstract string Usage { get; }
    public FlagSet Flags { get; } = new();
    /// <summary>More lines for help, under the summary.</summary>
    public virtual string? Details => null;
    public virtual int MinArguments => 0;
    public virtual int MaxArguments => int.MaxValue;

    public abstract Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken);

    /// <summary>Throws <see cref="ArgumentCountException"/> with docker's words.</summary>
    public void CheckArguments(string path, int count)
    {
        if (count >= MinArguments && count <= MaxArguments) return;
        if (MaxArguments == 0) throw new ArgumentCountException($"'{path}' accepts no arguments", isMissing: false);
        if (MinArguments == MaxArguments) throw new ArgumentCountException($"'{path}' requires {Count(MinArguments)}", isMissing: false);
        if (MaxArguments == int.MaxValue) throw new ArgumentCountException($"'{path}' requires at least {Count(MinArguments)}", isMissing: true);
        throw new ArgumentCountException(MinArguments == 0 ? $"'{path}' requires at most {Count(MaxArguments)}" : $"'{path}' requires at least {MinArguments} and at most {Count(MaxArguments)}", isMissing: false);
    }

    private static string Count(int number) => $"{number} argument{(number == 1 ? "" : "s")}";
}
