using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf builder prune</c>.</summary>
internal sealed class BuilderPruneCommand : Command
{
    private readonly BoolFlag all, dryRun, force;
    private readonly ListFlag filter;
    private readonly BytesFlag keepStorage, maxUsed, minFree, reserved;

    public BuilderPruneCommand()
    {
        all = Flags.Bool("all", 'a', "Every unused entry, not only dangling ones");
        dryRun = PrunePreview.AddFlag(Flags);
        filter = Flags.AddFilter('\0', "Only what meets these conditions (e.g. \"until=24h\")");
        force = Flags.Bool("force", 'f', "Do not ask");
        keepStorage = Flags.Bytes("keep-storage", "The older name of --reserved-space");
        maxUsed = Flags.Bytes("max-used-space", "How much the cache may hold at most");
        minFree = Flags.Bytes("min-free-space", "How much of the disk is to be free afterwards");
        reserved = Flags.Bytes("reserved-space", "How much of the cache is kept always");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var pruneFilters = Prune.Filters(cli, filter.Values);
        if (dryRun)
        {
            if (pruneFilters.Count > 0 || new[] { reserved, keepStorage, maxUsed, minFree }.Any(static flag => flag.Value != 0))
                throw new CliException("--dry-run knows neither filters nor sizes of the build cache");
            var preview = new PrunePreview(cli, pruneFilters, cancellationToken);
            await preview.BuildCacheAsync(all);
            await preview.EndAsync();
            return 0;
        }
        if (!await Prune.IsConfirmedAsync(cli, force, all ? "This will remove all build cache." : "This will remove all dangling build cache.")) return 0;
        var result = await PruneAsync(cli, new Query().Add("all", (bool)all).Add("reserved-space", Given(reserved) ?? Given(keepStorage)).Add("max-used-space", Given(maxUsed)).Add("min-free-space", Given(minFree)).AddFilters(pruneFilters), cancellationToken);
        if (result.CachesDeleted is { Count: > 0 } caches) await cli.Out.WriteLineAsync($"Deleted build cache objects:\n{string.Join('\n', caches)}\n");
        await Prune.ReportSpaceAsync(cli, result.SpaceReclaimed ?? 0);
        return 0;
    }

    private static long? Given(BytesFlag flag) => flag.Value == 0 ? null : flag.Value;

    public static Task<BuildPruneResponse> PruneAsync(CliContext cli, Query query, CancellationToken cancellationToken)
        => cli.Api.PostAsync($"/build/prune{query}", DockerApiJson.Default.BuildPruneResponse, cancellationToken);
}
