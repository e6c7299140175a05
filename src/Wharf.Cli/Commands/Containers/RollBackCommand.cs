using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf rollback</c>: to the last saved version, the one given, or with 0 to the image. What was is saved before.</summary>
internal sealed class RollBackCommand : Command
{
    public override string Usage => "CONTAINER [VERSION]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("version", arguments.Count > 1 ? arguments[1] : "");
        var done = await cli.Api.PostAsync($"/wharf/containers/{Uri.EscapeDataString(arguments[0])}/rollback{query}", WharfJson.Default.RollbackResult, cancellationToken);
        await cli.Out.WriteLineAsync($"{arguments[0]}: version {done.Version}; what it was before is version {done.Saved}");
        return 0;
    }
}
