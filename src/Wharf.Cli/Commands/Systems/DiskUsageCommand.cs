using System.Globalization;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Images;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Systems;

/// <summary><c>wharf system df</c>.</summary>
internal sealed class DiskUsageCommand : Command
{
    private sealed record Row(string Type, long Total, long Active, long Size, string Reclaimable);

    private readonly StringFlag format;
    private readonly BoolFlag verbose;

    public DiskUsageCommand()
    {
        format = Flags.AddFormat();
        verbose = Flags.Bool("verbose", 'v', "Every object");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var usage = await cli.Api.GetAsync("/system/df", DockerApiJson.Default.SystemDataUsageResponse, cancellationToken);
        if (!verbose)
        {
            await cli.Out.WriteAsync(Summary.Render(format.Value == "" ? "table" : format.Value, isQuiet: false, Rows(usage)));
            return 0;
        }
        if (format.Value is not ("" or "table"))
        {
            await cli.Out.WriteLineAsync(Output.Templates.Template.Parse(format.Value == "json" ? "{{json .}}" : format.Value).Execute(Everything(usage)));
            return 0;
        }
        await cli.Out.WriteAsync(Verbose(usage));
        await WriteLedgerAsync(cli, cancellationToken);
        return 0;
    }

    /// <summary>Every byte on disk below the data root; an engine that is not Wharf has no such list.</summary>
    private static async Task WriteLedgerAsync(CliContext cli, CancellationToken cancellationToken)
    {
        List<DiskLedgerEntry> entries;
        try { entries = await cli.Api.GetAsync("/wharf/disk", WharfJson.Default.ListDiskLedgerEntry, cancellationToken); }
        catch (ApiClient.ApiException error) when (error.Status == 404) { return; }
        await cli.Out.WriteAsync($"\nData root, as it lies on disk: {Units.HumanSize(entries.Sum(entry => entry.Bytes))}\n\n{Ledger.Render("table {{.Use}}\t{{.Files}}\t{{.Size}}", false, entries)}");
    }

    private static Listing<DiskLedgerEntry> Ledger { get; } = new()
    {
        TableFormat = "{{.Use}}\t{{.Files}}\t{{.Size}}",
        Columns =
        [
            new("Use", "USE", row => row.Use),
            new("Files", "FILES", row => row.Files.ToString(CultureInfo.InvariantCulture)),
            new("Size", "SIZE", row => Units.HumanSize(row.Bytes)),
        ],
    };

    private static Listing<Row> Summary { get; } = new()
    {
        TypeName = "*formatter.diskUsageContext",
        TableFormat = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
        Columns =
        [
            new("Type", "TYPE", row => row.Type),
            new("TotalCount", "TOTAL", row => row.Total.ToString(CultureInfo.InvariantCulture)),
            new("Active", "ACTIVE", row => row.Active.ToString(CultureInfo.InvariantCulture)),
            new("Size", "SIZE", row => Units.HumanSize(row.Size)),
            new("Reclaimable", "RECLAIMABLE", row => row.Reclaimable),
        ],
    };

    private static List<Row> Rows(SystemDataUsageResponse usage)
    {
        var images = usage.Images ?? [];
        var containers = usage.Containers ?? [];
        var volumes = usage.Volumes ?? [];
        var caches = usage.BuildCache ?? [];
        var usedLayers = images.Where(image => image.Containers > 0 && image.Size >= 0 && image.SharedSize >= 0).Sum(image => (image.Size - image.SharedSize) ?? 0);
        var layers = usage.LayersSize ?? 0;
        var stopped = containers.Where(container => container.State is not ("running" or "paused" or "restarting")).ToList();
        var unused = volumes.Where(volume => volume.UsageData is { RefCount: 0 }).ToList();
        return
        [
            new Row("Images", images.Count, images.Count(image => image.Containers > 0), layers, WithShare(layers - usedLayers, layers)),
            new Row("Containers", containers.Count, containers.Count - stopped.Count, containers.Sum(container => container.SizeRw ?? 0), WithShare(stopped.Sum(container => container.SizeRw ?? 0), containers.Sum(container => container.SizeRw ?? 0))),
            new Row("Local Volumes", volumes.Count, volumes.Count(volume => volume.UsageData?.RefCount > 0), volumes.Sum(volume => Math.Max(0, volume.UsageData?.Size ?? 0)), WithShare(unused.Sum(volume => Math.Max(0, volume.UsageData?.Size ?? 0)), volumes.Sum(volume => Math.Max(0, volume.UsageData?.Size ?? 0)))),
            new Row("Build Cache", caches.Count, caches.Count(cache => cache.InUse == true), caches.Where(cache => cache.Shared != true).Sum(cache => cache.Size ?? 0), Units.HumanSize(caches.Where(cache => cache.InUse != true && cache.Shared != true).Sum(cache => cache.Size ?? 0))),
        ];
    }

    private static string WithShare(long part, long whole) => whole > 0 ? $"{Units.HumanSize(part)} ({part * 100 / whole}%)" : Units.HumanSize(part);

    /// <summary>What a template with <c>--verbose</c> sees: the rows of each list.</summary>
    private static Output.Templates.TemplateObject Everything(SystemDataUsageResponse usage)
    {
        var all = new Output.Templates.TemplateObject { IsRow = true };
        all["Images"] = ImageListing.Create(truncates: false, showsDigests: false).Objects((usage.Images ?? []).Select(image => ImageListing.Rows(image, needsDigest: false).First()));
        all["Containers"] = Containers.ContainerListing.Create(truncates: false, showsSize: false).Objects(usage.Containers ?? []);
        all["Volumes"] = Volumes.ListCommand.Create().Objects(usage.Volumes ?? []);
        all["BuildCache"] = Caches.Objects(usage.BuildCache ?? []);
        return all;
    }

    private static string Verbose(SystemDataUsageResponse usage)
    {
        var images = ImageListing.Create(truncates: true, showsDigests: false);
        var imageRows = (usage.Images ?? []).Select(image => ImageListing.Rows(image, needsDigest: false).First()).ToList();
        var containers = Containers.ContainerListing.Create(truncates: true, showsSize: false);
        const string imageFormat = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
        const string containerFormat = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";
        const string cacheFormat = "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}";
        var caches = usage.BuildCache ?? [];
        return $"Images space usage:\n\n{images.Render(imageFormat, false, imageRows)}\n"
            + $"Containers space usage:\n\n{containers.Render(containerFormat, false, [.. (usage.Containers ?? []).Select(container => container with { SizeRootFs = 0 })])}\n"
            + $"Local Volumes space usage:\n\n{Volumes.ListCommand.Create().Render("table {{.Name}}\t{{.Links}}\t{{.Size}}", false, usage.Volumes ?? [])}\n"
            + $"Build cache usage: {Units.HumanSize(caches.Where(cache => cache.Shared != true).Sum(cache => cache.Size ?? 0))}\n\n{Caches.Render(cacheFormat, false, caches)}";
    }

    private static Listing<BuildCache> Caches { get; } = new()
    {
        TableFormat = "{{.ID}}\t{{.CacheType}}\t{{.Size}}",
        Columns =
        [
            new("ID", "CACHE ID", row => Text.ShortId(row.ID, truncates: true)),
            new("CacheType", "CACHE TYPE", row => row.Type ?? ""),
            new("Size", "SIZE", row => Units.TableSize(row.Size ?? 0)),
            new("CreatedSince", "CREATED", row => Ago.Since(Ago.Parse(row.CreatedAt), DateTimeOffset.UtcNow)),
            new("LastUsedSince", "LAST USED", row => row.LastUsedAt is null ? "" : Ago.Since(Ago.Parse(row.LastUsedAt), DateTimeOffset.UtcNow)),
            new("UsageCount", "USAGE", row => (row.UsageCount ?? 0).ToString(CultureInfo.InvariantCulture)),
            new("Shared", "SHARED", row => row.Shared == true ? "true" : "false"),
        ],
    };
}
