using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf wait</c>.</summary>
internal sealed class WaitCommand : EachCommand
{
    public override string Usage => "CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var result = await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/wait", DockerApiJson.Default.ContainerWaitResponse, cancellationToken);
        if (result.Error?.Message is { Length: > 0 } message) throw new CliException(message);
        return (result.StatusCode ?? 0).ToString(CultureInfo.InvariantCulture);
    }
}
