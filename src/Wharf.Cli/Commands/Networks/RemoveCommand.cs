using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network rm</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    private readonly BoolFlag force;

    public RemoveCommand() => force = Flags.Bool("force", 'f', "No error if the network does not exist");

    protected override bool IsFailure(CliException error) => !(force && error is ApiException { Status: 404 });

    public override string Usage => "NETWORK [NETWORK...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.DeleteAsync($"/networks/{Uri.EscapeDataString(name)}", cancellationToken);
        return name;
    }
}
