using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network rm</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    private readonly BoolFlag force;

    public RemoveCommand() => force = Flags.Bool("force", 'f', "No error if the network does not exist");

    public override string Usage => "NETWORK [NETWORK...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        try { await cli.Api.DeleteAsync($"/networks/{Uri.EscapeDataString(name)}", cancellationToken); }
        catch (ApiException error) when (force && error.Status == 404) { return null; }
        return name;
    }
}
