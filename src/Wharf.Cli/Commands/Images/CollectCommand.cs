using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image gc</c>: what the daemon does by itself, now.</summary>
internal sealed class CollectCommand : Command
{
    private readonly BoolFlag dryRun, force;
    private readonly ListFlag policy;

    public CollectCommand()
    {
        dryRun = PrunePreview.AddFlag(Flags);
        force = Flags.Bool("force", 'f', "Do not ask");
        policy = Flags.List("policy", "A rule in place of the daemon's, e.g. all,keepDuration=720h,minFreeSpace=20GB");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (!dryRun && !await Prune.IsConfirmedAsync(cli, force, $"This will remove all unused images that {(policy.Values.Count > 0 ? "these rules" : "the daemon's rules")} name.")) return 0;
        var query = new Query().Add("dry-run", (bool)dryRun);
        foreach (var rule in policy.Values) query.Add("policy", rule);
        var report = await cli.Api.PostAsync($"/wharf/images/gc{query}", WharfJson.Default.ImageCollectionReport, cancellationToken);
        if (report.Images.Count > 0)
        {
            await cli.Out.WriteLineAsync(dryRun ? "Images that would be removed:" : "Removed images:");
            foreach (var image in report.Images)
                await cli.Out.WriteLineAsync($"{Text.ShortId(image.Id, truncates: true)} {(image.Names.Count == 0 ? "<none>" : string.Join(", ", image.Names))} (rule {image.Rule}, last used {Ago.Since(image.LastUsed, DateTimeOffset.UtcNow)}, {Units.HumanSize(image.Size)})");
            await cli.Out.WriteLineAsync();
        }
        if (dryRun) await cli.Out.WriteLineAsync($"Space that would be reclaimed: {Units.HumanSize(report.SpaceReclaimed)}\nNothing was removed.");
        else await Prune.ReportSpaceAsync(cli, report.SpaceReclaimed);
        return 0;
    }
}
