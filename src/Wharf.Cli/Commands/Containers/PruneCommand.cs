using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf container prune</c>.</summary>
internal sealed class PruneCommand : Command
{
    private readonly BoolFlag dryRun, force;
    private readonly ListFlag filter;

    public PruneCommand()
    {
        dryRun = PrunePreview.AddFlag(Flags);
        filter = Flags.AddFilter('\0', "Only what meets these conditions (e.g. \"label=<key>=<value>\")");
        force = Flags.Bool("force", 'f', "Do not ask");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var filters = Prune.Filters(cli, filter.Values);
        if (dryRun)
        {
            var preview = new PrunePreview(cli, filters, cancellationToken);
            await preview.ContainersAsync();
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, "This will remove all stopped containers.")) return 0;
        var result = await cli.Api.PostAsync($"/containers/prune{new Query().AddFilters(filters)}", DockerApiJson.Default.ContainerPruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Containers", result.ContainersDeleted ?? []);
        await Prune.ReportSpaceAsync(cli, result.SpaceReclaimed ?? 0);
        return 0;
    }
}
