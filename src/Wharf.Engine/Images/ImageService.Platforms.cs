using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Images of several platforms under one name. The name alone means the one that came last, as in docker's own store.</summary>
public sealed partial class ImageService
{
    /// <summary>The name's or ID's image for a platform: of several the one whose variant fits best.</summary>
    private async Task<ImageRecord> ForPlatformAsync(string nameOrId, Digest id, Platform platform, CancellationToken cancellation)
    {
        ImageRecord? best = null;
        foreach (var candidate in Candidates(nameOrId, id))
        {
            var record = await RecordAsync(candidate, cancellation);
            if (!Platforms.Matches(record.Config, platform)) continue;
            if (best is null || Platforms.IsBetter(PlatformOf(record.Config), PlatformOf(best.Config), platform)) best = record;
        }
        if (best is not null) return best;
        var own = PlatformOf(await ConfigAsync(id, cancellation));
        throw WharfException.NotFound($"image with reference {nameOrId} was found but its platform ({Platforms.Describe(own)}) does not match the specified platform ({Platforms.Describe(platform)})");
    }

    private static Platform PlatformOf(OciImage config) => new() { Os = config.Os ?? "linux", Architecture = config.Architecture, Variant = config.Variant, OsVersion = config.OsVersion };

    /// <summary>The image that a name means and those of its other platforms; of an ID that image alone.</summary>
    private List<Digest> Candidates(string nameOrId, Digest id)
    {
        if (NameOf(nameOrId, id) is { } name) return [id, .. _store.PlatformsOf(name)];
        if (!Digest.TryParse(nameOrId, out _) && ImageReference.TryParse(nameOrId, out var reference) && reference.Digest is { } index)
            return [.. _store.PlatformsOf(reference.Repository, index).Prepend(id).Distinct()];
        return [id];
    }

    /// <summary>The name, when it is by a name with a tag that the image was found.</summary>
    private ImageReference? NameOf(string nameOrId, Digest id) =>
        !Digest.TryParse(nameOrId, out _) && ImageReference.TryParse(nameOrId, out var reference) && reference.Digest is null && _store.ByName(reference.WithDefaultTag().Canonical) == id ? reference.WithDefaultTag() : null;

    /// <summary>Points a name at what another name or an ID means, with all platforms where it is a name.</summary>
    public async Task TagAsync(string source, string name, CancellationToken cancellation)
    {
        var image = await GetAsync(source, null, cancellation);
        var from = NameOf(source, image.Id);
        await TagAsync(image.Id, name, cancellation);
        if (from is not null) _store.CopyName(from, ImageReference.Parse(name).WithDefaultTag(), image.Id);
    }

    /// <summary>What the index holds that an image came with; of an image that came without one, its manifest. Null for one that was made here.</summary>
    private async Task<List<ImageManifestSummary>?> ManifestsAsync(ImageReference? name, ImageRecord image, CancellationToken cancellation)
    {
        var platforms = new List<Digest> { image.Id };
        if (name is not null) platforms.AddRange(_store.PlatformsOf(name));
        if (name is not null && _store.IndexOf(name) is { } digest && _content.Has(digest))
        {
            var index = ManifestDocuments.ParseIndex(await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation), null);
            var summaries = new List<ImageManifestSummary>();
            foreach (var entry in index.Manifests ?? []) summaries.Add(await SummaryAsync(entry, platforms, cancellation));
            return summaries;
        }
        foreach (var manifest in _store.ManifestsOf(image.Id))
        {
            if (!_content.Has(manifest)) continue;
            var bytes = await _content.ReadAsync(manifest, _options.Limits.MaxManifest, cancellation);
            if (ManifestDocuments.IsIndex(null, bytes)) continue;
            var type = ManifestDocuments.ParseManifest(bytes, null).MediaType ?? MediaTypes.OciManifest;
            return [await SummaryAsync(new Descriptor { MediaType = type, Digest = manifest, Size = bytes.Length }, platforms, cancellation)];
        }
        return null;
    }

    private async Task<ImageManifestSummary> SummaryAsync(Descriptor entry, List<Digest> platforms, CancellationToken cancellation)
    {
        var summary = new ImageManifestSummary { ID = entry.Digest.ToString(), Descriptor = entry, Available = false };
        if (IsAttestation(entry))
        {
            bool here = _content.Has(entry.Digest);
            long bytes = 0;
            if (here)
            {
                var (manifest, _) = await ReadManifestAsync(entry.Digest, cancellation);
                bytes = entry.Size + SizeHere([manifest.Config!, .. manifest.Layers!]);
            }
            return summary with
            {
                Kind = "attestation", Available = here, Size = new ImageManifestSummarySize { Content = bytes, Total = bytes },
                AttestationData = new ImageManifestSummaryAttestationData { For = entry.Annotations?.GetValueOrDefault(AttestationOf) ?? "" },
            };
        }
        var id = platforms.Find(image => _store.ManifestsOf(image).Contains(entry.Digest));
        long content = _content.Has(entry.Digest) ? entry.Size : 0, unpacked = 0;
        var platform = entry.Platform;
        if (!id.IsEmpty)
        {
            var config = await ConfigAsync(id, cancellation);
            platform ??= PlatformOf(config);
            unpacked = SizeOf(config);
            content += _content.SizeOf(id) + SizeHere((await ReadManifestAsync(entry.Digest, cancellation)).Manifest.Layers!);
        }
        return summary with
        {
            Kind = platform is null ? "unknown" : "image", Available = !id.IsEmpty, Size = new ImageManifestSummarySize { Content = content, Total = content + unpacked },
            ImageData = platform is null ? null : new ImageManifestSummaryImageData
            {
                Platform = platform, Containers = id.IsEmpty ? [] : [.. UsersOf(id).Select(user => user.ContainerId)], Size = new ImageManifestSummaryImageDataSize { Unpacked = unpacked },
            },
        };
    }

    private long SizeHere(IEnumerable<Descriptor> blobs) => blobs.DistinctBy(static blob => blob.Digest).Where(blob => _content.Has(blob.Digest)).Sum(blob => _content.SizeOf(blob.Digest));

    private async Task<(Manifest Manifest, byte[] Bytes)> ReadManifestAsync(Digest digest, CancellationToken cancellation)
    {
        var bytes = await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation);
        return (ManifestDocuments.ParseManifest(bytes, null), bytes);
    }
}
