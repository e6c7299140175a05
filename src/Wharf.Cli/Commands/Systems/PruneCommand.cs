using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf system prune</c>.</summary>
internal sealed class PruneCommand : Command
{
    private readonly BoolFlag all, dryRun, force, volumes;
    private readonly ListFlag filter;

    public PruneCommand()
    {
        all = Flags.Bool("all", 'a', "Every unused image, not only dangling ones");
        dryRun = PrunePreview.AddFlag(Flags);
        filter = Flags.AddFilter('\0', "Only what meets these conditions (e.g. \"label=<key>=<value>\")");
        force = Flags.Bool("force", 'f', "Do not ask");
        volumes = Flags.Bool("volumes", "Also anonymous volumes");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    private string Warning(List<string> filters)
    {
        List<string> lines = ["all stopped containers", "all networks not used by at least one container"];
        if (volumes) lines.Add("all anonymous volumes not used by at least one container");
        lines.Add(all ? "all images without at least one container associated to them" : "all dangling images");
        lines.Add(all ? "all build cache" : "unused build cache");
        var filtered = filters.Count == 0 ? "" : $"\n  Items to be pruned will be filtered with:\n{string.Concat(filters.Order(StringComparer.Ordinal).Select(text => $"  - {text}\n"))}";
        return $"This will remove:\n{string.Concat(lines.Select(line => $"  - {line}\n"))}{filtered}";
    }

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var filters = Prune.Filters(cli, filter.Values);
        if (volumes && filters.Any(value => value.StartsWith("until=", StringComparison.Ordinal))) throw new CliException("ERROR: The \"until\" filter is not supported with \"--volumes\"");
        if (dryRun)
        {
            var preview = new PrunePreview(cli, filters, cancellationToken);
            await preview.ContainersAsync();
            await preview.NetworksAsync();
            if (volumes) await preview.VolumesAsync(all: false);
            await preview.ImagesAsync(all);
            await preview.BuildCacheAsync(all);
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, Warning(filters))) return 0;
        var query = new Query().AddFilters(filters).ToString();
        var containers = await cli.Api.PostAsync($"/containers/prune{query}", DockerApiJson.Default.ContainerPruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Containers", containers.ContainersDeleted ?? []);
        var networks = await cli.Api.PostAsync($"/networks/prune{query}", DockerApiJson.Default.NetworkPruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Networks", networks.NetworksDeleted ?? []);
        var space = containers.SpaceReclaimed ?? 0;
        if (volumes)
        {
            var removed = await cli.Api.PostAsync($"/volumes/prune{query}", DockerApiJson.Default.VolumePruneResponse, cancellationToken);
            await Prune.ReportAsync(cli, "Deleted Volumes", removed.VolumesDeleted ?? []);
            space += removed.SpaceReclaimed ?? 0;
        }
        List<string> imageFilters = [.. filters, $"dangling={(all ? "false" : "true")}"];
        var images = await cli.Api.PostAsync($"/images/prune{new Query().AddFilters(imageFilters)}", DockerApiJson.Default.ImagePruneResponse, cancellationToken);
        await Prune.ReportAsync(cli, "Deleted Images", [.. (images.ImagesDeleted ?? []).Select(item => item.Untagged is { Length: > 0 } name ? $"untagged: {name}" : $"deleted: {item.Deleted}")]);
        var caches = await BuilderPruneCommand.PruneAsync(cli, new Query().Add("all", (bool)all).AddFilters(filters), cancellationToken);
        await Prune.ReportAsync(cli, "Deleted build cache objects", caches.CachesDeleted ?? []);
        await Prune.ReportSpaceAsync(cli, space + (images.SpaceReclaimed ?? 0) + (caches.SpaceReclaimed ?? 0));
        return 0;
    }
}
