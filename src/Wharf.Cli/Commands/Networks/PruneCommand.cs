using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network prune</c>.</summary>
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
            await preview.NetworksAsync();
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, "This will remove all custom networks not used by at least one container.")) return 0;
        var result = await cli.Api.PostAsync($"/networks/prune{new Query().AddFilters(filters)}", DockerApiJson.Default.NetworkPruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Networks", result.NetworksDeleted ?? []);
        return 0;
    }
}
