using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network disconnect</c>.</summary>
internal sealed class DisconnectCommand : Command
{
    private readonly BoolFlag force;

    public DisconnectCommand() => force = Flags.Bool("force", 'f', "Even if the container does not answer");

    public override string Usage => "[OPTIONS] NETWORK CONTAINER";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var request = new NetworkDisconnectRequest { Container = arguments[1], Force = force };
        await cli.Api.PostAsync($"/networks/{Uri.EscapeDataString(arguments[0])}/disconnect", request, DockerApiJson.Default.NetworkDisconnectRequest, cancellationToken);
        return 0;
    }
}
