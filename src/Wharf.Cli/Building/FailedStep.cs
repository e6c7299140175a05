using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Building;

/// <summary>The container of a build's step that failed: it stays, so that one can look at what the step left.</summary>
internal static class FailedStep
{
    /// <summary>Runs a shell in an image of it; then neither image nor container is left.</summary>
    public static async Task OpenShellAsync(CliContext cli, string container, CancellationToken cancellationToken)
    {
        var image = (await cli.Api.PostAsync($"/commit?container={container}", new ContainerConfig(), DockerApiJson.Default.ContainerConfig, DockerApiJson.Default.IdResponse, cancellationToken)).Id!;
        try
        {
            var run = new RunCommand();
            string[] flags = Terminal.IsTerminal(0) ? ["--rm", "-it"] : ["--rm", "-i"];
            await run.RunAsync(cli, run.Flags.Parse([.. flags, "--entrypoint", "/bin/sh", image]), cancellationToken);
        }
        finally
        {
            await using (await cli.Api.SendAsync(new ApiRequest("DELETE", $"/images/{image}?force=1"), CancellationToken.None)) { }
            await using (await cli.Api.SendAsync(new ApiRequest("DELETE", $"/containers/{container}?force=1&v=1"), CancellationToken.None)) { }
        }
    }
}
