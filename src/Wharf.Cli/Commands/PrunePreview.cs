using System.Globalization;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands;

/// <summary><c>--dry-run</c> of the prune commands: finds by listing what pruning would take, and takes nothing. Works with any engine.</summary>
internal sealed class PrunePreview(CliContext cli, IReadOnlyList<string> filters, CancellationToken cancellationToken)
{
    private long space;

    public static BoolFlag AddFlag(FlagSet flags) => flags.Bool("dry-run", "Only show what would be removed");

    public async Task ContainersAsync()
    {
        var query = new Query().Add("all", true).Add("size", true).AddFilters(["status=created", "status=exited", "status=dead", .. ListFilters()]);
        var all = await cli.Api.GetAsync($"/containers/json{query}", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        var gone = all.Where(container => Fits(container.Labels, container.Created)).ToList();
        space += gone.Sum(container => container.SizeRw ?? 0);
        await ReportAsync("Containers", gone.Select(container => $"{Text.ShortId(container.Id, truncates: true)} {container.Names?.FirstOrDefault()?.TrimStart('/')}"));
    }

    public async Task NetworksAsync()
    {
        var query = new Query().AddFilters(["dangling=true", "type=custom", .. ListFilters()]);
        var all = await cli.Api.GetAsync($"/networks{query}", DockerApiJson.Default.ListNetwork, cancellationToken);
        var gone = all.Where(network => Fits(network.Labels, DateTimeOffset.TryParse(network.Created, CultureInfo.InvariantCulture, out var created) ? created.ToUnixTimeSeconds() : null));
        await ReportAsync("Networks", gone.Select(network => network.Name ?? ""));
    }

    public async Task VolumesAsync(bool all)
    {
        var report = await cli.Api.GetAsync("/system/df?type=volume", DockerApiJson.Default.SystemDataUsageResponse, cancellationToken);
        var gone = (report.Volumes ?? []).Where(volume => volume.UsageData?.RefCount is 0 or null && (all || volume.Labels?.ContainsKey("com.docker.volume.anonymous") == true) && Fits(volume.Labels, null)).ToList();
        space += gone.Sum(volume => Math.Max(0, volume.UsageData?.Size ?? 0));
        await ReportAsync("Volumes", gone.Select(volume => volume.Name ?? ""));
    }

    public async Task ImagesAsync(bool all)
    {
        var containers = await cli.Api.GetAsync("/containers/json?all=1", DockerApiJson.Default.ListContainerSummary, cancellationToken);
        var used = containers.Select(container => container.ImageID).ToHashSet();
        var images = await cli.Api.GetAsync("/images/json?shared-size=1", DockerApiJson.Default.ListImageSummary, cancellationToken);
        var gone = images.Where(image => !used.Contains(image.Id) && (all || IsDangling(image)) && Fits(image.Labels, image.Created)).ToList();
        space += gone.Sum(image => Math.Max(0, (image.Size ?? 0) - Math.Max(0, image.SharedSize ?? 0)));
        await ReportAsync("Images", gone.Select(image => $"{Text.ShortId(image.Id, truncates: true)} {(IsDangling(image) ? "<none>" : string.Join(", ", image.RepoTags!))}"));
    }

    public async Task BuildCacheAsync(bool all)
    {
        var report = await cli.Api.GetAsync("/system/df?type=build-cache", DockerApiJson.Default.SystemDataUsageResponse, cancellationToken);
        var gone = (report.BuildCache ?? []).Where(entry => entry.InUse != true && (all || entry.Shared != true)).ToList();
        space += gone.Where(entry => entry.Shared != true).Sum(entry => entry.Size ?? 0);
        await ReportAsync("Build cache objects", gone.Select(entry => entry.ID ?? ""));
    }

    public Task EndAsync() => cli.Out.WriteLineAsync($"Space that would be reclaimed: {Units.HumanSize(space)}\nNothing was removed.");

    private Task ReportAsync(string what, IEnumerable<string> names)
    {
        var lines = names.ToList();
        return lines.Count == 0 ? Task.CompletedTask : cli.Out.WriteLineAsync($"{what} that would be removed:\n{string.Join('\n', lines)}\n");
    }

    private static bool IsDangling(ImageSummary image) => image.RepoTags is not { Count: > 0 } || image.RepoTags is ["<none>:<none>"];

    /// <summary>What a list can filter by itself; the rest is ours.</summary>
    private IEnumerable<string> ListFilters() => filters.Where(filter => filter.StartsWith("label=", StringComparison.Ordinal));

    private bool Fits(IReadOnlyDictionary<string, string>? labels, long? created)
    {
        foreach (var (key, value) in filters.Select(KeyValue.Split))
        {
            bool fits = key switch
            {
                "label" => HasLabel(labels, value),
                "label!" => !HasLabel(labels, value),
                "until" => created is null || created < decimal.Parse(TimePoint.ToApi(value, "filter"), CultureInfo.InvariantCulture),
                _ => throw new CliException($"--dry-run does not know the filter {Quoting.Quote(key)}"),
            };
            if (!fits) return false;
        }
        return true;
    }

    private static bool HasLabel(IReadOnlyDictionary<string, string>? labels, string text)
    {
        var (name, value) = KeyValue.Split(text);
        return labels is not null && labels.TryGetValue(name, out var own) && (!text.Contains('=') || own == value);
    }
}
