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

    /// <summary>Whether this error is not even told: what was wanted is so, or nobody asked for it by name.</summary>
    protected virtual bool IsPassedOver(CliException error) => false;

    /// <summary>A last line about what failed.</summary>
    protected virtual string? Summary(IReadOnlyList<string> failed) => null;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var failed = new List<string>();
        foreach (var name in arguments)
        {
            try
            {
                if (await ApplyAsync(cli, name, cancellationToken) is { } line) await cli.Out.WriteLineAsync(line);
            }
            catch (CliException e) when (e is not ApiClient.ConnectException)
            {
                if (IsPassedOver(e)) continue;
                await cli.Error.WriteLineAsync(e.Message);
                if (IsFailure(e)) failed.Add(name);
            }
        }
        if (failed.Count == 0) return 0;
        if (Summary(failed) is { } summary) await cli.Error.WriteLineAsync(summary);
        return 1;
    }
}
