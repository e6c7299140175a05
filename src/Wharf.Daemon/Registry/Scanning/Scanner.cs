using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine;
using Wharf.Engine.Images;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>Which packages an image has, and which of them have known vulnerabilities. One image at a time; what was found stays known until the feeds change.</summary>
internal sealed class Scanner(RegistryStore store, IReadOnlyList<string> feeds) : IDisposable
{
    private const int Remembered = 64;
    private const long MaxIndex = 8 << 20;

    private readonly AdvisoryFeed _feed = new(feeds);
    private readonly Limits _limits = new();
    private readonly SemaphoreSlim _slot = new(1, 1);
    private readonly Dictionary<Digest, (ScanReport Report, DateTimeOffset? Feed)> _reports = [];

    /// <summary>Scans the image that a manifest is, or of an index the one for a platform.</summary>
    public async Task<ScanReport> ScanAsync(string repository, ManifestRecord manifest, Platform platform, CancellationToken cancellation)
    {
        await _slot.WaitAsync(cancellation);
        try
        {
            var digest = await ImageAsync(manifest, platform, cancellation);
            DateTimeOffset? written = _feed.IsEmpty ? null : _feed.Written;
            if (_reports.TryGetValue(digest, out var known) && known.Feed == written) return known.Report;
            var report = await ReadAsync(repository, digest, written, cancellation);
            if (_reports.Count >= Remembered) _reports.Clear();
            _reports[digest] = (report, written);
            return report;
        }
        finally { _slot.Release(); }
    }

    private async Task<Digest> ImageAsync(ManifestRecord manifest, Platform platform, CancellationToken cancellation)
    {
        if (!ManifestDocument.IsIndexType(manifest.MediaType)) return manifest.Digest;
        var bytes = await store.ReadManifestAsync(manifest.Digest, cancellation);
        var index = System.Text.Json.JsonSerializer.Deserialize(bytes, ImageJson.Default.ImageIndex)!;
        return Platforms.Choose(index.Manifests ?? [], platform)?.Digest ?? throw new RegistryException(RegistryErrorCode.ManifestUnknown, $"the index has no image for {Platforms.Describe(platform)}");
    }

    private async Task<ScanReport> ReadAsync(string repository, Digest digest, DateTimeOffset? written, CancellationToken cancellation)
    {
        var record = await store.Metadata.FindManifestAsync(repository, digest, cancellation) ?? throw new RegistryException(RegistryErrorCode.ManifestUnknown, detail: digest.ToString());
        var manifest = System.Text.Json.JsonSerializer.Deserialize(await store.ReadManifestAsync(record.Digest, cancellation), ImageJson.Default.Manifest)!;
        if (manifest.Config?.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig)) throw new RegistryException(RegistryErrorCode.Unsupported with { Status = 400 }, "this is no image: there are no packages in it");
        var packages = new PackageReader(_limits);
        foreach (var layer in manifest.Layers ?? [])
        {
            if (await store.FindBlobAsync(repository, layer.Digest, cancellation) is null || await store.Objects.OpenReadAsync(Keys.Blob(layer.Digest), 0, null, cancellation) is not { } blob)
                throw new RegistryException(RegistryErrorCode.BlobUnknown, "a layer is not at this registry", layer.Digest.ToString());
            await using (blob) await packages.AddLayerAsync(blob, cancellation);
        }
        var installed = packages.Packages;
        var findings = _feed.IsEmpty ? [] : await Task.Run(() => _feed.Match(installed, cancellation), cancellation);
        return new ScanReport
        {
            Digest = digest.ToString(), Os = installed.Os, OsVersion = installed.Version, Feed = written,
            Packages = [.. installed.Packages.Select(static package => new ScannedPackage { Name = package.Name, Version = package.Version, Source = package.Source, Type = package.Type })],
            Skipped = packages.Skipped.Count > 0 ? [.. packages.Skipped] : null,
            Findings = [.. findings.OrderBy(static finding => finding.Package, StringComparer.Ordinal).ThenBy(static finding => finding.Id, StringComparer.Ordinal)],
        };
    }

    public void Dispose() => _slot.Dispose();
}
