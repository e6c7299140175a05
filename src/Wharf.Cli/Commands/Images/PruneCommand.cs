using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image prune</c>.</summary>
internal sealed class PruneCommand : Command
{
    private readonly BoolFlag all, dryRun, force;
    private readonly ListFlag filter;

    public PruneCommand()
    {
        all = Flags.Bool("all", 'a', "Every unused image, not only dangling ones");
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
            await preview.ImagesAsync(all);
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, all ? "This will remove all images without at least one container associated to them." : "This will remove all dangling images.")) return 0;
        filters.Add($"dangling={(all ? "false" : "true")}");
        var result = await cli.Api.PostAsync($"/images/prune{new Query().AddFilters(filters)}", DockerApiJson.Default.ImagePruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Images", [.. (result.ImagesDeleted ?? []).Select(item => item.Untagged is { Length: > 0 } name ? $"untagged: {name}" : $"deleted: {item.Deleted}")]);
        await Prune.ReportSpaceAsync(cli, result.SpaceReclaimed ?? 0);
        return 0;
    }
}
