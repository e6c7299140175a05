using System.Text.Json;
using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Pushing an index whole.</summary>
public sealed partial class ImageService
{
    /// <summary>What is to be sent of an index: images by their entries, and attestations that are here.</summary>
    private sealed record WholeIndex(Digest Digest, ImageIndex Index, byte[] Bytes, Dictionary<Digest, ImageRecord> Images, List<Descriptor> Attestations);

    /// <summary>
    /// The index a name came with, if all it names is here or at the registry already: null when it came without one or something is missing, and
    /// the image that the name means is all that can be pushed.
    /// </summary>
    private async Task<WholeIndex?> WholeIndexAsync(RegistryClient client, ImageReference name, ImageRecord image, CancellationToken cancellation)
    {
        if (_store.IndexOf(name) is not { } digest || !_content.Has(digest)) return null;
        var bytes = await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation);
        var index = ManifestDocuments.ParseIndex(bytes, null);
        var here = new List<ImageRecord> { image };
        foreach (var other in _store.PlatformsOf(name)) here.Add(await RecordAsync(other, cancellation));
        var images = new Dictionary<Digest, ImageRecord>();
        var attestations = new List<Descriptor>();
        foreach (var entry in index.Manifests ?? [])
        {
            if (here.Find(one => _store.ManifestsOf(one.Id).Contains(entry.Digest)) is { } found) images[entry.Digest] = found;
            else if (IsAttestation(entry) && _content.Has(entry.Digest)) attestations.Add(entry);
            else if (!await client.HasManifestAsync(entry.Digest, cancellation)) return null;
        }
        return images.Count > 0 ? new WholeIndex(digest, index, bytes, images, attestations) : null;
    }

    private async Task PushIndexAsync(RegistryClient client, ImageReference name, ImageRecord image, WholeIndex whole, Leases.Lease lease, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var now = new Dictionary<Digest, Descriptor>();
        foreach (var (entry, one) in whole.Images)
        {
            lease.Add(one.Id);
            foreach (var chain in Chains(one.Config)) lease.Add(chain);
            var manifest = await PushContentAsync(client, name, one, entry, progress, cancellation);
            var digest = Digest.OfBytes(manifest.Bytes);
            now[entry] = new Descriptor { MediaType = manifest.MediaType, Digest = digest, Size = manifest.Bytes.Length };
            await client.PutManifestAsync(digest.ToString(), manifest.Bytes, manifest.MediaType, cancellation);
            await KeepManifestsAsync(one.Id, lease, [manifest.Bytes], cancellation);
        }
        if (whole.Images.Count == 1 && whole.Index.Manifests!.Count(static entry => !IsAttestation(entry)) == 1 && now.Values.Single() is var only && only.Digest != now.Keys.Single())
        {
            // What was attested of other bytes is not of these, and an index of one is none.
            var alone = await _content.ReadAsync(only.Digest, _options.Limits.MaxManifest, cancellation);
            await client.PutManifestAsync(name.Tag!, alone, only.MediaType!, cancellation);
            await PushedAsync(name, image, alone, lease, progress, cancellation);
            return;
        }
        bool same = now.All(static pair => pair.Key == pair.Value.Digest);
        var (bytes, type) = (whole.Bytes, whole.Index.MediaType ?? MediaTypes.OciIndex);
        if (same) foreach (var entry in whole.Attestations) await PushAttestationAsync(client, entry, progress, cancellation);
        else
        {
            // Layers that had to be compressed anew have other digests: the index names those. What was attested of the old ones is not of these.
            var index = whole.Index with { Manifests = [.. whole.Index.Manifests!.Where(static entry => !IsAttestation(entry)).Select(entry => now.TryGetValue(entry.Digest, out var made) ? entry with { MediaType = made.MediaType, Digest = made.Digest, Size = made.Size } : entry)] };
            bytes = JsonSerializer.SerializeToUtf8Bytes(index, ImageJson.Plain.ImageIndex);
        }
        await client.PutManifestAsync(name.Tag!, bytes, type, cancellation);
        await PushedAsync(name, image, bytes, lease, progress, cancellation);
        if (!same)
        {
            foreach (var one in whole.Images.Values) _store.AddManifest(one.Id, Digest.OfBytes(bytes));
            _store.SetIndex(name, Digest.OfBytes(bytes));
        }
    }

    private async Task PushAttestationAsync(RegistryClient client, Descriptor entry, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var (manifest, bytes) = await ReadManifestAsync(entry.Digest, cancellation);
        using var slots = new SemaphoreSlim(_options.MaxConcurrentUploads);
        await Task.WhenAll(manifest.Layers!.Prepend(manifest.Config!).DistinctBy(static blob => blob.Digest).Select(blob => PushBlobAsync(client, blob, slots, progress, cancellation)));
        await client.PutManifestAsync(entry.Digest.ToString(), bytes, entry.MediaType ?? manifest.MediaType ?? MediaTypes.OciManifest, cancellation);
    }
}
