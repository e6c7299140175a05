using Wharf.Cli.CommandLine;
using Wharf.Cli.Completion;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf completion</c>: a script for the shell.</summary>
internal sealed class CompletionCommand : Command
{
    public override string Usage => "bash|zsh|fish|powershell";
    public override string Details => "Load it with: source <(wharf completion bash)";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await cli.Out.WriteAsync(arguments[0] switch
        {
            "bash" => CompletionScripts.Bash,
            "zsh" => CompletionScripts.Zsh,
            "fish" => CompletionScripts.Fish,
            "powershell" => CompletionScripts.PowerShell,
            var other => throw new CliException($"no completion for {Output.Quoting.Quote(other)}: bash, zsh, fish and powershell are known"),
        });
        return 0;
    }
}

/// <summary><c>wharf __complete</c>: called by the scripts. Its words are not parsed, for they are unfinished.</summary>
internal static class CompleteWords
{
    public static async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var line in await new Completer(cli).FindAsync(words, cancellationToken)) await cli.Out.WriteLineAsync(line);
            return 0;
        }
        catch (CliException)
        {
            // Without a daemon there are no names; a shell in the middle of a line is no place for a message.
            return 1;
        }
    }
}
