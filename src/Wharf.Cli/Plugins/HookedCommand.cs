using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Plugins;

/// <summary>What hooks are told of the command that has just ended.</summary>
/// <param name="Line">The command's words without the program: <c>image ls</c>; with arguments where a plugin ran.</param>
/// <param name="Name">The command's last word.</param>
/// <param name="Flags">Its flags; null where a plugin read them.</param>
/// <param name="Operands">Its words that are no flags.</param>
/// <param name="Error">What it complained of; empty when it succeeded.</param>
internal sealed record HookedCommand(string Line, string Name, FlagSet? Flags, IReadOnlyList<string> Operands, string Error)
{
    private IReadOnlyList<string> words = [];

    /// <summary>A plugin's command is known by its words alone, and its name is the program's, as docker has it.</summary>
    public static HookedCommand OfPlugin(string plugin, IReadOnlyList<string> words) => new(string.Join(' ', [plugin, .. words]), CliContext.Program, null, [], "") { words = words };

    /// <summary>Names of the flags that were given, with the values of switches.</summary>
    public IEnumerable<(string Name, string Value)> GivenFlags => Flags is null
        ? words.Where(word => word.StartsWith('-')).Select(word => (word[(word.StartsWith("--", StringComparison.Ordinal) ? 2 : 1)..], ""))
        : Flags.All.Where(flag => flag.Changed).Select(flag => (flag.Name, flag is BoolFlag ? flag.Text : ""));

    /// <summary>The hook of a comma-separated list that this command is, or is below of; null for none.</summary>
    public string? FirstMatch(string hooks) => hooks.Split(',').FirstOrDefault(hook => hook != "" && Lines.Any(line => $"{line} ".StartsWith($"{hook} ", StringComparison.Ordinal)));

    /// <summary>Docker's <c>build</c> is buildx's, and hooks are written for that name.</summary>
    private IEnumerable<string> Lines => Flags is not null && Line is "build" or "image build" or "builder build" && Environment.GetEnvironmentVariable("DOCKER_BUILDKIT") is not "0" ? [Line, "buildx build"] : [Line];
}
