using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume rm</c>.</summary>
internal sealed class RemoveCommand : EachCommand
{
    private readonly BoolFlag force;

    public RemoveCommand() => force = Flags.Bool("force", 'f', "No error if the volume does not exist");

    public override string Usage => "[OPTIONS] VOLUME [VOLUME...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.DeleteAsync($"/volumes/{Uri.EscapeDataString(name)}{new Query().Add("force", force)}", cancellationToken);
        return name;
    }
}
