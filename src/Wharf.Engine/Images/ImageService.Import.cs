using System.Globalization;
using Wharf.Engine.Content;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>What an import adds to the file system.</summary>
public sealed record ImportOptions
{
    public string? Reference { get; init; }
    public string? Message { get; init; }
    public IReadOnlyList<string> Changes { get; init; } = [];
    public Platform? Platform { get; init; }
    /// <summary>Where it came from, for the history: <c>-</c> or a file's name.</summary>
    public string Source { get; init; } = "-";
}

/// <summary>Making an image of one layer from a tar of a root file system.</summary>
public sealed partial class ImageService
{
    public async Task<ImageRecord> ImportAsync(Stream archive, ImportOptions options, CancellationToken cancellation)
    {
        var reference = options.Reference is { Length: > 0 } name ? ImageReference.Parse(name) : null;
        var created = Timestamp(DateTimeOffset.UtcNow);
        var platform = options.Platform ?? Platforms.Host;
        var comment = options.Message is { Length: > 0 } message ? message : $"Imported from {options.Source}";
        var image = new OciImage
        {
            Created = created, Architecture = platform.Architecture, Variant = options.Platform?.Variant, Os = platform.Os, Comment = comment,
            Config = new OciImageConfig(), History = [new HistoryEntry { Created = created, Comment = comment }],
        };
        foreach (var change in options.Changes) ImageChange.Apply(image, change);
        await using var tar = await Compression.OpenAsync(archive, _options.Limits.MaxDecompressionRatio, cancellation);
        ImageRecord record;
        using (await _gate.ReaderAsync(cancellation))
        {
            var layer = await _snapshots.ApplyAsync(null, null, tar, cancellation);
            image.RootFs = new RootFs { DiffIds = [layer.DiffId] };
            record = await AddAsync(image, cancellation);
        }
        if (reference is not null) await TagAsync(record.Id, reference.Familiar, cancellation);
        Publish("import", record.Id, record.Id.ToString());
        return record;
    }

    private static string Timestamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture);
}
