using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Compressed layers that came in an archive are kept as pulled ones are, so that they go out under the digests they came with.</summary>
public sealed partial class ImageService
{
    /// <summary>Of a docker archive that is an OCI layout as well: the layers of images that no index holds.</summary>
    private async Task KeepLayoutBlobsAsync(Loading loading, CancellationToken cancellation)
    {
        if (!loading.Members.Has("index.json")) return;
        foreach (var entry in (await loading.Members.DocumentAsync("index.json", ImageJson.Default.ImageIndex, cancellation)).Manifests ?? [])
        {
            if (entry.MediaType is not (MediaTypes.OciManifest or MediaTypes.DockerManifest) || !loading.Members.Has(ArchiveMembers.NameOf(entry.Digest))) continue;
            var bytes = await loading.Members.BlobAsync(entry, cancellation);
            if (ManifestDocuments.ParseManifest(bytes, null).Config is { } config && loading.Loaded.Find(loaded => loaded.Image.Id == config.Digest) is { } image) await KeepBlobsAsync(loading, image.Image, bytes, cancellation);
        }
    }

    private async Task KeepBlobsAsync(Loading loading, ImageRecord image, byte[] manifest, CancellationToken cancellation)
    {
        var layers = ManifestDocuments.ParseManifest(manifest, null).Layers ?? [];
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        // Of layers that are plain tars there is nothing to keep: they are compressed to be sent.
        if (_options.LayerBlobs == LayerBlobs.Drop || layers.Count == 0 || layers.Count != diffIds.Count || layers.Zip(diffIds).Any(static pair => pair.First.Digest == pair.Second)) return;
        if (layers.Exists(layer => !loading.Members.Has(ArchiveMembers.NameOf(layer.Digest)))) return;
        for (int i = 0; i < layers.Count; i++)
        {
            var layer = layers[i];
            loading.Lease.Add(layer.Digest);
            if (!_content.Has(layer.Digest) && _store.RecipeOf(layer.Digest)?.Recipe is null)
            {
                await using var file = new FileStream(loading.Members.PathOf(ArchiveMembers.NameOf(layer.Digest)), new FileStreamOptions { Mode = FileMode.Open, BufferSize = 0, Options = FileOptions.SequentialScan });
                await _content.WriteAsync(file, layer.Digest, cancellation);
            }
            _store.AddLayerBlob(diffIds[i], new Descriptor { Digest = layer.Digest, Size = layer.Size, MediaType = layer.MediaType ?? MediaTypes.OciLayerGzip });
        }
        await KeepManifestsAsync(image.Id, loading.Lease, [manifest], cancellation);
        WantRecipes();
    }
}
