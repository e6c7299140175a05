using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.System;

/// <summary><c>wharf version</c>.</summary>
internal sealed class VersionCommand : Command
{
    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var server = await cli.Api.GetAsync("/version", DockerApiJson.Default.SystemVersion, cancellationToken);
        await cli.Out.WriteLineAsync($"Client: {ClientVersion.Product}\nServer: {server.Version}");
        return 0;
    }
}
