using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Loading OCI layouts, and what a docker archive's OCI half tells of platforms.</summary>
public sealed partial class ImageService
{
    private const int MaxIndexDepth = 4, MaxIndexManifests = 1000;

    private async Task LoadLayoutAsync(Loading loading, CancellationToken cancellation)
    {
        var index = await loading.Members.DocumentAsync("index.json", ImageJson.Default.ImageIndex, cancellation);
        foreach (var entry in index.Manifests ?? [])
        {
            var bytes = await loading.Members.BlobAsync(entry, cancellation);
            IReadOnlyList<string> names = NameOf(entry) is { } name ? [name] : [];
            if (ManifestDocuments.IsIndex(entry.MediaType, bytes)) await LoadIndexAsync(loading, bytes, names, cancellation);
            else if (await LoadManifestAsync(loading, bytes, cancellation) is { } image) loading.Loaded.Add(new LoadedImage(image, names));
        }
        if (loading.Loaded.Count == 0 && loading.Options.Platforms.Count > 0) throw NoPlatform(loading.Options.Platforms);
    }

    /// <summary>Loads the images of an index: all that are there, or those of the platforms asked for. The name means this machine's, if it is among them.</summary>
    private async Task LoadIndexAsync(Loading loading, byte[] index, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        var manifests = new List<Descriptor>();
        await FlattenAsync(loading, index, 0, manifests, cancellation);
        var wanted = loading.Options.Platforms.Count == 0 ? manifests : [.. loading.Options.Platforms.Select(platform => Platforms.Choose(manifests, platform)).OfType<Descriptor>().Distinct()];
        if (Platforms.Choose(wanted, Platforms.Host) is { } own) wanted = [own, .. wanted.Where(entry => entry != own)];
        LoadedImage? loaded = null;
        foreach (var entry in wanted)
        {
            var bytes = await loading.Members.BlobAsync(entry, cancellation);
            if (await LoadManifestAsync(loading, bytes, cancellation) is not { } image) continue;
            await KeepManifestsAsync(image.Id, loading.Lease, [index, bytes], cancellation);
            if (loaded is null) loading.Loaded.Add(loaded = new LoadedImage(image, names) { Index = Digest.OfBytes(index) });
            else loaded.Others.Add(image);
        }
    }

    private static async Task FlattenAsync(Loading loading, byte[] index, int depth, List<Descriptor> manifests, CancellationToken cancellation)
    {
        if (depth > MaxIndexDepth) throw WharfException.Invalid("index.json: indexes are nested too deep");
        foreach (var entry in ManifestDocuments.ParseIndex(index, null).Manifests ?? [])
        {
            if (IsAttestation(entry) || entry.Platform is { Os: "unknown" } || !loading.Members.Has(ArchiveMembers.NameOf(entry.Digest))) continue;
            if (manifests.Count > MaxIndexManifests) throw WharfException.Invalid($"index.json: an index names more than {MaxIndexManifests} manifests");
            if (entry.MediaType is MediaTypes.OciIndex or MediaTypes.DockerManifestList) await FlattenAsync(loading, await loading.Members.BlobAsync(entry, cancellation), depth + 1, manifests, cancellation);
            else manifests.Add(entry);
        }
    }

    /// <summary>Null for what is no image, or for another platform than those asked for.</summary>
    private async Task<ImageRecord?> LoadManifestAsync(Loading loading, byte[] bytes, CancellationToken cancellation)
    {
        var manifest = ManifestDocuments.ParseManifest(bytes, null);
        if (manifest.Config!.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig)) return null;
        var config = await loading.Members.BlobAsync(manifest.Config, cancellation);
        var layers = manifest.Layers!.Select(layer => (loading.Members.PathOf(ArchiveMembers.NameOf(layer.Digest)), (Digest?)layer.Digest)).ToList();
        if (await LoadOneAsync(loading, config, layers, cancellation) is not { } image) return null;
        await KeepBlobsAsync(loading, image, bytes, cancellation);
        return image;
    }

    /// <summary>Of a docker archive that is an OCI layout as well: puts images of one index together again under its name.</summary>
    private async Task JoinPlatformsAsync(Loading loading, CancellationToken cancellation)
    {
        if (!loading.Members.Has("index.json")) return;
        foreach (var entry in (await loading.Members.DocumentAsync("index.json", ImageJson.Default.ImageIndex, cancellation)).Manifests ?? [])
        {
            if (entry.MediaType is not (MediaTypes.OciIndex or MediaTypes.DockerManifestList) || !loading.Members.Has(ArchiveMembers.NameOf(entry.Digest))) continue;
            var index = await loading.Members.BlobAsync(entry, cancellation);
            var manifests = new List<Descriptor>();
            await FlattenAsync(loading, index, 0, manifests, cancellation);
            var images = new List<LoadedImage>();
            foreach (var one in manifests)
            {
                var bytes = await loading.Members.BlobAsync(one, cancellation);
                var config = ManifestDocuments.ParseManifest(bytes, null).Config!.Digest;
                if (loading.Loaded.Find(loaded => loaded.Image.Id == config) is not { } image) continue;
                await KeepManifestsAsync(config, loading.Lease, [index, bytes], cancellation);
                await KeepBlobsAsync(loading, image.Image, bytes, cancellation);
                images.Add(image);
            }
            // Its name went with the image of a platform that nobody asked for.
            var named = images.Find(static image => image.Names.Count > 0) ?? (NameOf(entry) is { } name && images.Count > 0 ? images[0] with { Names = [name] } : null);
            if (named is null) continue;
            named.Index = Digest.OfBytes(index);
            named.Others.AddRange(images.Select(static image => image.Image).Where(image => image != named.Image));
            loading.Loaded.RemoveAll(loaded => images.Contains(loaded) && loaded.Names.Count == 0);
            if (!loading.Loaded.Contains(named)) loading.Loaded.Add(named);
        }
    }

    /// <summary>containerd writes the whole name beside the tag; of other writers' ref.name only a full name is one.</summary>
    private static string? NameOf(Descriptor entry)
    {
        var name = entry.Annotations?.GetValueOrDefault("io.containerd.image.name") ?? entry.Annotations?.GetValueOrDefault("org.opencontainers.image.ref.name");
        return name is not null && name.Contains(':') && ImageReference.TryParse(name, out var reference) && reference.Tag is not null ? reference.Familiar : null;
    }
}
