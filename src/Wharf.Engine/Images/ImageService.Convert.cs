using System.Text.Json;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Names whose pushes send an image in a form that was chosen: how layers are packed, and in whose media types.</summary>
public sealed partial class ImageService
{
    /// <summary>
    /// Gives <paramref name="destination"/> the image, and a manifest by which it goes out from now on. The image is the same one: its ID is its configuration's digest, which says
    /// nothing of how layers are packed.
    /// </summary>
    public async Task<ConvertedImage> ConvertAsync(string source, string destination, LayerCompression compression, bool oci, Platform? platform, CancellationToken cancellation)
    {
        var name = ImageReference.Parse(destination).WithDefaultTag();
        if (name.Digest is not null) throw WharfException.Invalid("refusing to create a tag with a digest reference");
        if (compression == LayerCompression.Zstd && !oci) throw WharfException.Invalid("docker's media types have none for zstd: take OCI's");
        var image = await GetAsync(source, platform, cancellation);
        using var held = _leases.HoldAll();
        var layers = new List<Descriptor>();
        foreach (var (diffId, chain) in (image.Config.RootFs?.DiffIds ?? []).Zip(Chains(image.Config)))
        {
            var layer = await LayerFormAsync(diffId, chain, compression, cancellation);
            layers.Add(new Descriptor { MediaType = oci ? layer.MediaType : DockerType(layer.MediaType!), Digest = layer.Digest, Size = layer.Size });
        }
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new Manifest
        {
            SchemaVersion = 2,
            MediaType = oci ? MediaTypes.OciManifest : MediaTypes.DockerManifest,
            Config = new Descriptor { MediaType = oci ? MediaTypes.OciConfig : MediaTypes.DockerConfig, Digest = image.Id, Size = _content.SizeOf(image.Id) },
            Layers = layers,
        }, ImageJson.Plain.Manifest);
        var digest = await _content.WriteAsync(manifest, cancellation);
        _store.SetForm(name, image.Id, digest, layers.Select(static layer => layer.Digest));
        Publish("tag", image.Id, name.Familiar);
        return new ConvertedImage { Id = image.Id.ToString(), Digest = digest.ToString(), Size = layers.Sum(static layer => layer.Size) };
    }

    /// <summary>What a layer is in a form. Plain tars are not kept: they are made again from the unpacked layer.</summary>
    private async Task<Descriptor> LayerFormAsync(Digest diffId, Digest chain, LayerCompression compression, CancellationToken cancellation) => compression switch
    {
        LayerCompression.Uncompressed => new Descriptor { MediaType = MediaTypes.OciLayer, Digest = diffId, Size = await _snapshots.TarSizeAsync(chain, cancellation) },
        LayerCompression.Zstd when _store.LayerBlobs(diffId).Find(blob => blob.MediaType == MediaTypes.OciLayerZstd && _content.Has(blob.Digest)) is { } kept => kept,
        _ => await LayerBlobAsync(diffId, chain, compression, cancellation),
    };

    private static string DockerType(string mediaType) => mediaType == MediaTypes.OciLayer ? MediaTypes.DockerLayer : MediaTypes.DockerLayerGzip;

    private async Task PushFormAsync(Pushing push, ImageRecord image, Digest form, CancellationToken cancellation)
    {
        var bytes = await _content.ReadAsync(form, _options.Limits.MaxManifest, cancellation);
        var manifest = ManifestDocuments.ParseManifest(bytes, null);
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        var forms = diffIds.Zip(manifest.Layers!).DistinctBy(static pair => pair.First).ToDictionary(static pair => pair.First, static pair => pair.Second);
        foreach (var diffId in diffIds.AsEnumerable().Reverse()) push.Progress.Report(new JsonMessage { Status = "Preparing", ProgressDetail = new(), Id = diffId.Hex[..12] });
        await push.Client.ConnectForPushAsync([], cancellation);
        await PushLayersAsync(diffIds, async (diffId, chain, stop) =>
        {
            await _uploads.WaitAsync(stop);
            try { return await PushLayerFormAsync(push, forms[diffId], diffId, chain, stop); }
            finally { _uploads.Release(); }
        }, cancellation);
        await PushConfigAsync(push.Client, image, cancellation);
        await push.Client.PutManifestAsync(push.Name.Tag!, bytes, manifest.MediaType!, cancellation);
        TellPushed(push.Name, image, bytes, push.Progress);
    }

    private async Task<Descriptor> PushLayerFormAsync(Pushing push, Descriptor layer, Digest diffId, Digest chain, CancellationToken cancellation)
    {
        var id = diffId.Hex[..12];
        bool isThere = await push.Client.HasBlobAsync(layer.Digest, cancellation);
        if (!isThere && !(CanGive(diffId, layer) && await SendKeptAsync(push, id, layer, diffId, chain, cancellation))) throw WharfException.Conflict($"layer {layer.Digest} of {push.Name.Familiar} is gone in this form: convert the image anew");
        push.Progress.Report(new JsonMessage { Status = isThere ? "Layer already exists" : "Pushed", ProgressDetail = new(), Id = id });
        return layer;
    }
}
