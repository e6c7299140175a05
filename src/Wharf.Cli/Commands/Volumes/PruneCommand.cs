using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume prune</c>.</summary>
internal sealed class PruneCommand : Command
{
    private readonly BoolFlag all, dryRun, force;
    private readonly ListFlag filter;

    public PruneCommand()
    {
        all = Flags.Bool("all", 'a', "Every unused volume, not only anonymous ones");
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
            await preview.VolumesAsync(all);
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, all ? "This will remove all local volumes not used by at least one container." : "This will remove anonymous local volumes not used by at least one container.")) return 0;
        if (all) filters.Add("all=true");
        var result = await cli.Api.PostAsync($"/volumes/prune{new Query().AddFilters(filters)}", DockerApiJson.Default.VolumePruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Volumes", result.VolumesDeleted ?? []);
        await Prune.ReportSpaceAsync(cli, result.SpaceReclaimed ?? 0);
        return 0;
    }
}
