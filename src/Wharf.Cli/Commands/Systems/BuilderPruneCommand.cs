using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf builder prune</c>.</summary>
internal sealed class BuilderPruneCommand : Command
{
    private readonly BoolFlag all, dryRun, force;
    private readonly ListFlag filter;
    private readonly BytesFlag keepStorage;

    public BuilderPruneCommand()
    {
        all = Flags.Bool("all", 'a', "Every unused entry, not only dangling ones");
        dryRun = PrunePreview.AddFlag(Flags);
        filter = Flags.AddFilter('\0', "Only what meets these conditions (e.g. \"until=24h\")");
        force = Flags.Bool("force", 'f', "Do not ask");
        keepStorage = Flags.Bytes("keep-storage", "How much to keep");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var pruneFilters = Prune.Filters(cli, filter.Values);
        if (dryRun)
        {
            var preview = new PrunePreview(cli, pruneFilters, cancellationToken);
            await preview.BuildCacheAsync(all);
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, all ? "This will remove all build cache." : "This will remove all dangling build cache.")) return 0;
        var result = await PruneAsync(cli, all, keepStorage.Value, pruneFilters, cancellationToken);
        if (result.CachesDeleted is { Count: > 0 } caches) await cli.Out.WriteLineAsync($"Deleted build cache objects:\n{string.Join('\n', caches)}\n");
        await Prune.ReportSpaceAsync(cli, result.SpaceReclaimed ?? 0);
        return 0;
    }

    public static Task<BuildPruneResponse> PruneAsync(CliContext cli, bool isAll, long keep, IReadOnlyList<string> filters, CancellationToken cancellationToken)
        => cli.Api.PostAsync($"/build/prune{new Query().Add("all", isAll).Add("keep-storage", keep == 0 ? null : keep).AddFilters(filters)}", DockerApiJson.Default.BuildPruneResponse, cancellationToken);
}
