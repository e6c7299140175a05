using System.Globalization;
using System.Text.Json;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Which images to list; empty lists do not restrict.</summary>
public sealed record ImageQuery
{
    public bool? Dangling { get; init; }
    public IReadOnlyList<string> Labels { get; init; } = [];
    public IReadOnlyList<string> References { get; init; } = [];
    public string? Before { get; init; }
    public string? Since { get; init; }
    public DateTimeOffset? Until { get; init; }
    public bool SharedSize { get; init; }
    /// <summary>With what the images' indexes hold.</summary>
    public bool Manifests { get; init; }
    /// <summary>Also images without a name that others were made from.</summary>
    public bool All { get; init; }
}

/// <summary>Listing and describing images.</summary>
public sealed partial class ImageService
{
    public async Task<List<ImageSummary>> ListAsync(ImageQuery query, CancellationToken cancellation)
    {
        var before = query.Before is null ? (DateTimeOffset?)null : CreatedAt((await GetAsync(query.Before, null, cancellation)).Config);
        var since = query.Since is null ? (DateTimeOffset?)null : CreatedAt((await GetAsync(query.Since, null, cancellation)).Config);
        var records = new List<ImageRecord>();
        foreach (var id in _store.All()) records.Add(await RecordAsync(id, cancellation));
        var shared = query.SharedSize ? records.SelectMany(record => Chains(record.Config)).GroupBy(chain => chain).ToDictionary(group => group.Key, group => group.Count()) : null;
        var list = new List<(DateTimeOffset Created, ImageSummary Summary)>();
        foreach (var record in records)
        {
            var created = CreatedAt(record.Config);
            if (created >= before || created <= since || created >= query.Until || !HasLabels(record.Config, query.Labels)) continue;
            if (query.Dangling is { } dangling && dangling != (record.RepoTags.Count == 0)) continue;
            // What other images were made from and nobody has named is an intermediate step.
            if (record.RepoTags.Count == 0 && record.RepoDigests.Count == 0 && (!query.All || query.Dangling == true) && _store.ChildrenOf(record.Id).Count > 0) continue;
            var tags = Matching(record.RepoTags, query.References);
            var digests = Matching(record.RepoDigests, query.References);
            if (query.References.Count > 0 && tags.Count == 0 && digests.Count == 0) continue;
            var summary = Summarise(record, tags, digests, created, shared);
            if (query.Manifests) summary.Manifests = await ManifestsAsync(_store.NamesOf(record.Id).Where(name => _store.ByName(name.Canonical) == record.Id).OrderByDescending(name => _store.IndexOf(name) is not null).FirstOrDefault(), record, cancellation);
            list.Add((created, summary));
        }
        return [.. list.OrderByDescending(entry => entry.Created).ThenBy(entry => entry.Summary.RepoTags!.FirstOrDefault(), StringComparer.Ordinal).Select(entry => entry.Summary)];
    }

    private static List<string> Matching(IReadOnlyList<string> names, IReadOnlyList<string> patterns) =>
        patterns.Count == 0 ? [.. names] : [.. names.Where(name => patterns.Any(pattern => ReferencePattern.Matches(pattern, name)))];

    private ImageSummary Summarise(ImageRecord record, List<string> tags, List<string> digests, DateTimeOffset created, Dictionary<Digest, int>? shared) => new()
    {
        Id = record.Id.ToString(),
        ParentId = _store.ParentOf(record.Id)?.ToString() ?? "",
        RepoTags = tags,
        RepoDigests = digests,
        Created = created.ToUnixTimeSeconds(),
        Size = SizeOf(record.Config),
        SharedSize = shared is null ? -1 : Chains(record.Config).Where(chain => shared[chain] > 1).Sum(_snapshots.SizeOrNone),
        Labels = record.Config.Config?.Labels,
        Containers = UsersOf(record.Id).Count,
    };

    private static bool HasLabels(OciImage config, IEnumerable<string> labels) => labels.All(label =>
    {
        var (key, value) = label.IndexOf('=') is >= 0 and var at ? (label[..at], label[(at + 1)..]) : (label, null);
        return config.Config?.Labels is { } own && own.TryGetValue(key, out var found) && (value is null || found == value);
    });

    private long SizeOf(OciImage config) => Chains(config).Sum(_snapshots.SizeOrNone);

    private static DateTimeOffset CreatedAt(OciImage config) =>
        DateTimeOffset.TryParse(config.Created, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var created) ? created : Unknown;

    /// <summary>What docker takes for the time of an image that tells none: the zero of its language.</summary>
    private static readonly DateTimeOffset Unknown = DateTimeOffset.MinValue;

    /// <summary>The inspect document of an image.</summary>
    public async Task<ImageInspect> InspectAsync(string name, Platform? platform, bool withManifests, CancellationToken cancellation)
    {
        var record = await GetAsync(name, platform, cancellation);
        var config = record.Config;
        var manifests = withManifests ? await ManifestsAsync(NameOf(name, record.Id), record, cancellation) : null;
        return new ImageInspect
        {
            Id = record.Id.ToString(),
            Manifests = manifests,
            RepoTags = [.. record.RepoTags],
            RepoDigests = [.. record.RepoDigests],
            Parent = _store.ParentOf(record.Id)?.ToString() ?? "",
            Comment = config.Comment ?? config.History?.LastOrDefault()?.Comment ?? "",
            Created = config.Created ?? "0001-01-01T00:00:00Z",
            DockerVersion = config.DockerVersion ?? "",
            Author = config.Author ?? "",
            Container = config.Container,
            ContainerConfig = config.ContainerConfig,
            Config = ConfigOf(config.Config ?? new OciImageConfig()),
            Architecture = config.Architecture,
            Variant = config.Variant,
            Os = config.Os,
            OsVersion = config.OsVersion,
            Size = SizeOf(config),
            GraphDriver = new DriverData { Name = _snapshots.DriverName, Data = _snapshots.GraphPaths(record.ChainId) },
            RootFS = new ImageInspectRootFS { Type = "layers", Layers = [.. (config.RootFs?.DiffIds ?? []).Select(diffId => diffId.ToString())] },
            Metadata = new ImageInspectMetadata { LastTagTime = (_store.TaggedAt(record.Id) ?? DateTimeOffset.MinValue).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", CultureInfo.InvariantCulture) },
        };
    }

    private static ImageConfig ConfigOf(OciImageConfig config) => new()
    {
        User = config.User ?? "",
        ExposedPorts = config.ExposedPorts?.ToDictionary(port => port.Key, _ => new EmptyObject()),
        Env = config.Env,
        Cmd = config.Cmd,
        Healthcheck = config.Healthcheck is { } health ? new HealthConfig { Test = health.Test, Interval = health.Interval, Timeout = health.Timeout, StartPeriod = health.StartPeriod, StartInterval = health.StartInterval, Retries = health.Retries } : null,
        ArgsEscaped = config.ArgsEscaped,
        Volumes = config.Volumes?.ToDictionary(volume => volume.Key, _ => new EmptyObject()),
        WorkingDir = config.WorkingDir ?? "",
        Entrypoint = config.Entrypoint,
        OnBuild = config.OnBuild,
        Labels = config.Labels is { Count: > 0 } labels ? labels : null,
        StopSignal = config.StopSignal,
        Shell = config.Shell,
    };

    /// <summary>The steps the image was made of, newest first.</summary>
    public async Task<List<HistoryResponseItem>> HistoryAsync(string name, Platform? platform, CancellationToken cancellation)
    {
        var record = await GetAsync(name, platform, cancellation);
        var chains = new Queue<Digest>(Chains(record.Config));
        var items = new List<HistoryResponseItem>();
        foreach (var entry in record.Config.History ?? [])
        {
            long size = entry.EmptyLayer != true && chains.TryDequeue(out var chain) ? _snapshots.SizeOrNone(chain) : 0;
            items.Add(new HistoryResponseItem
            {
                Id = "<missing>",
                Created = DateTimeOffset.TryParse(entry.Created, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var created) ? created.ToUnixTimeSeconds() : Unknown.ToUnixTimeSeconds(),
                CreatedBy = entry.CreatedBy ?? "",
                Size = size,
                Comment = entry.Comment ?? "",
            });
        }
        // Layers that the history does not tell of are shown all the same: nothing of an image is hidden.
        while (chains.TryDequeue(out var rest)) items.Add(new HistoryResponseItem { Id = "<missing>", Created = 0, CreatedBy = "", Size = _snapshots.SizeOrNone(rest), Comment = "" });
        items.Reverse();
        // The steps of images that are here by themselves have their IDs; all others came with the image.
        int at = 0;
        for (Digest? id = record.Id; id is { } known && at < items.Count; id = _store.ParentOf(known), at++)
        {
            var names = _store.NamesOf(known);
            items[at].Id = known.ToString();
            items[at].Tags = names.Count > 0 ? [.. names.Select(one => one.Familiar)] : null;
        }
        return items;
    }

    /// <summary>What images take: bytes of all layers, each counted once.</summary>
    public async Task<long> LayersSizeAsync(CancellationToken cancellation)
    {
        var chains = new HashSet<Digest>();
        foreach (var id in _store.All()) chains.UnionWith(Chains(await ConfigAsync(id, cancellation)));
        return chains.Sum(_snapshots.SizeOrNone);
    }
}
