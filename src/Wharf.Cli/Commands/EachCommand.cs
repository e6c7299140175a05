using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands;

/// <summary>A verb done to each argument in turn: one that fails does not keep the others from being done.</summary>
internal abstract class EachCommand : Command
{
    public override int MinArguments => 1;

    /// <summary>Does it to one and returns what to print, or null for nothing.</summary>
    protected abstract Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken);

    /// <summary>Whether this error makes the whole command fail; it is printed either way.</summary>
    protected virtual bool IsFailure(CliException error) => true;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var failed = false;
        foreach (var name in arguments)
        {
            try
            {
                if (await ApplyAsync(cli, name, cancellationToken) is { } line) await cli.Out.WriteLineAsync(line);
            }
            catch (CliException e) when (e is not ApiClient.ConnectException)
            {
                await cli.Error.WriteLineAsync(e.Message);
                failed |= IsFailure(e);
            }
        }
        return failed ? 1 : 0;
    }
}
