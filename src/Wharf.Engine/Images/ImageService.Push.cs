using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Pushing: only what the registry has not got is sent.</summary>
public sealed partial class ImageService
{
    /// <param name="CameAs">By its diff ID each layer's form in the manifest that the image came with from this repository: of several forms, and of one that is at the registry alone, that one stays.</param>
    private sealed record Pushing(RegistryClient Client, ImageReference Name, IProgress<JsonMessage> Progress, IReadOnlyDictionary<Digest, Descriptor>? CameAs = null);

    /// <summary>Pushes one tag, or all tags of a repository.</summary>
    public async Task PushAsync(string name, string? tag, Platform? platform, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = PushName(name, tag);
        progress.Report(new JsonMessage { Status = $"The push refers to repository [{reference.Repository}]" });
        var names = _store.NamesIn(reference.Repository);
        if (names.Count == 0) throw WharfException.NotFound($"An image does not exist locally with the tag: {reference.FamiliarRepository}");
        if (reference.Tag is not null)
        {
            if (_store.ByName(reference.Canonical) is null) throw WharfException.NotFound($"tag does not exist: {reference.Familiar}");
            names = [reference];
        }
        using var client = new RegistryClient(reference, auth, push: true, _options, _log);
        foreach (var one in names)
        {
            var image = await GetAsync(one.Familiar, platform, cancellation);
            using var lease = _leases.Take();
            lease.Add(image.Id);
            MarkUsed(image.Id);
            foreach (var chain in Chains(image.Config)) lease.Add(chain);
            // No recipe takes the place of a blob while it is sent.
            foreach (var blob in (image.Config.RootFs?.DiffIds ?? []).SelectMany(_store.LayerBlobs)) lease.Add(blob.Digest);
            await PushOneAsync(client, one, image, platform is null, lease, progress, cancellation);
            Publish("push", image.Id, one.Familiar, one.FamiliarRepository);
        }
        WantRecipes();
    }

    /// <summary>What is to be pushed; checked before anything is answered.</summary>
    public static ImageReference PushName(string name, string? tag)
    {
        var reference = ImageReference.Parse(name);
        // A name with a digest is its repository, as for dockerd.
        if (reference.Digest is not null) reference = ImageReference.Parse(reference.FamiliarRepository);
        return string.IsNullOrEmpty(tag) ? reference : ImageReference.FromParts(name, tag)!;
    }

    private async Task PushOneAsync(RegistryClient client, ImageReference reference, ImageRecord image, bool allPlatforms, Leases.Lease lease, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var images = new List<ImageRecord> { image };
        if (allPlatforms) foreach (var other in _store.PlatformsOf(reference)) images.Add(await RecordAsync(other, cancellation));
        if (_store.FormOf(reference) is { } form && _store.ByName(reference.Canonical) == image.Id)
        {
            await PushFormAsync(new Pushing(client, reference, progress), image, form, cancellation);
            return;
        }
        await client.ConnectForPushAsync(images.SelectMany(static one => one.Config.RootFs?.DiffIds ?? []).SelectMany(diffId => Sources(reference, diffId)).Select(source => source.Path), cancellation);
        if (allPlatforms && await WholeIndexAsync(client, reference, image, cancellation) is { } whole)
        {
            await PushIndexAsync(client, reference, image, whole, lease, progress, cancellation);
            return;
        }
        var manifest = await PushContentAsync(client, reference, image, null, progress, cancellation);
        await client.PutManifestAsync(reference.Tag!, manifest.Bytes, manifest.MediaType, cancellation);
        await PushedAsync(reference, image, manifest.Bytes, lease, progress, cancellation);
    }

    /// <summary>Sends an image's layers and configuration; gives the manifest that names them, if possible <paramref name="known"/>.</summary>
    private async Task<(byte[] Bytes, string MediaType)> PushContentAsync(RegistryClient client, ImageReference reference, ImageRecord image, Digest? known, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var diffIds = image.Config.RootFs?.DiffIds ?? [];
        // Uppermost first, as docker tells them.
        foreach (var diffId in diffIds.AsEnumerable().Reverse()) progress.Report(new JsonMessage { Status = "Preparing", ProgressDetail = new(), Id = diffId.Hex[..12] });
        foreach (var diffId in diffIds.AsEnumerable().Reverse().Skip(_options.MaxConcurrentUploads)) progress.Report(new JsonMessage { Status = "Waiting", ProgressDetail = new(), Id = diffId.Hex[..12] });
        // Which layer is which of such a manifest's blobs was never verified where the layer was here already: it holds in the repository that said so, and nowhere else.
        var own = _store.DigestsOf(image.Id).Where(one => one.Repository == reference.Repository).Select(static one => one.Digest).ToHashSet();
        var manifests = await KnownManifestsAsync(image, cancellation);
        var came = manifests.Find(one => own.Contains(one.Digest) && one.Manifest.Layers!.Count == diffIds.Count);
        var push = new Pushing(client, reference, progress, came is null ? null : diffIds.Zip(came.Manifest.Layers!).DistinctBy(static pair => pair.First).ToDictionary(static pair => pair.First, static pair => pair.Second));
        var layers = await PushLayersAsync(diffIds, (diffId, chain, stop) => InSlotAsync(push, diffId, stop, () => PushLayerAsync(push, diffId, chain, stop)), cancellation);
        var configBlob = await PushConfigAsync(client, image, cancellation);
        return ManifestFor(manifests, configBlob, layers, known ?? came?.Digest);
    }

    private async Task<Descriptor> PushConfigAsync(RegistryClient client, ImageRecord image, CancellationToken cancellation)
    {
        var config = await _content.ReadAsync(image.Id, _options.Limits.MaxImageConfig, cancellation);
        var blob = new Descriptor { MediaType = MediaTypes.DockerConfig, Digest = image.Id, Size = config.Length };
        if (!await client.HasBlobAsync(image.Id, cancellation)) await client.UploadAsync(blob, _ => Task.FromResult<Stream>(new MemoryStream(config)), static _ => { }, cancellation);
        return blob;
    }

    /// <summary>Notes and tells under which digest the registry now has it.</summary>
    private async Task PushedAsync(ImageReference reference, ImageRecord image, byte[] manifest, Leases.Lease lease, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        await KeepManifestsAsync(image.Id, lease, [manifest], cancellation);
        TellPushed(reference, image, manifest, progress);
    }

    private void TellPushed(ImageReference reference, ImageRecord image, byte[] manifest, IProgress<JsonMessage> progress)
    {
        var digest = Digest.OfBytes(manifest);
        _store.AddDigest(reference.Repository, digest, image.Id);
        progress.Report(new JsonMessage { Status = $"{reference.Tag}: digest: {digest} size: {manifest.Length}" });
        var result = new PushResult { Tag = reference.Tag, Digest = digest.ToString(), Size = manifest.Length };
        progress.Report(new JsonMessage { ProgressDetail = new(), Aux = JsonSerializer.SerializeToElement(result, JsonMessageJson.Default.PushResult) });
    }

    /// <summary>Sends layers side by side, each by its diff ID and the stack that ends with it.</summary>
    private static async Task<Descriptor[]> PushLayersAsync(List<Digest> diffIds, Func<Digest, Digest, CancellationToken, Task<Descriptor>> send, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var uploads = new Dictionary<Digest, Task<Descriptor>>();
        Digest? chain = null;
        foreach (var diffId in diffIds)
        {
            chain = ChainId.Of(chain, diffId);
            // Two equal layers are one blob.
            if (!uploads.ContainsKey(diffId)) uploads.Add(diffId, send(diffId, chain.Value, stop.Token));
        }
        try { await Task.WhenAll(uploads.Values); }
        catch
        {
            await stop.CancelAsync();
            await Task.WhenAll(uploads.Values.Select(upload => upload.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)));
            // The one that began the failure, not those that were stopped for it.
            if (uploads.Values.FirstOrDefault(upload => upload.IsFaulted)?.Exception?.InnerException is { } first) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
            throw;
        }
        return await Task.WhenAll(diffIds.Select(diffId => uploads[diffId]));
    }

    private async Task<Descriptor> InSlotAsync(Pushing push, Digest diffId, CancellationToken cancellation, Func<Task<Descriptor>> send)
    {
        await _uploads.WaitAsync(cancellation);
        try
        {
            var blob = await send();
            _store.AddLayerBlob(diffId, blob);
            _store.AddBlobSource(blob.Digest, push.Name.Repository);
            return blob;
        }
        finally { _uploads.Release(); }
    }

    /// <summary>Other repositories of the same registry that hold a form of the layer.</summary>
    private IEnumerable<(Descriptor Blob, string Path)> Sources(ImageReference name, Digest diffId) =>
        from blob in _store.LayerBlobs(diffId)
        from source in _store.BlobSources(blob.Digest)
        let reference = ImageReference.Parse(source)
        where reference.Domain == name.Domain && reference.Path != name.Path
        select (blob, reference.Path);

    private async Task<Descriptor> PushLayerAsync(Pushing push, Digest diffId, Digest chain, CancellationToken cancellation)
    {
        var id = diffId.Hex[..12];
        var known = _store.LayerBlobs(diffId);
        if (push.CameAs?.GetValueOrDefault(diffId) is { } own) known = [own, .. known.Where(blob => blob.Digest != own.Digest)];
        foreach (var blob in known)
        {
            if (!await push.Client.HasBlobAsync(blob.Digest, cancellation)) continue;
            push.Progress.Report(new JsonMessage { Status = "Layer already exists", ProgressDetail = new(), Id = id });
            return blob;
        }
        foreach (var (blob, path) in Sources(push.Name, diffId).OrderBy(source => known.FindIndex(blob => blob.Digest == source.Blob.Digest)))
        {
            if (!await push.Client.MountAsync(blob.Digest, path, cancellation)) continue;
            push.Progress.Report(new JsonMessage { Status = $"Mounted from {ImageReference.Parse(push.Name.Domain + "/" + path).FamiliarRepository.Replace(push.Name.Domain + "/", "", StringComparison.Ordinal)}", ProgressDetail = new(), Id = id });
            return blob;
        }
        var sent = known.Find(blob => CanGive(diffId, blob)) is { } kept && await SendKeptAsync(push, id, kept, diffId, chain, cancellation) ? kept : await CompressAndSendAsync(push, id, diffId, chain, cancellation);
        push.Progress.Report(new JsonMessage { Status = "Pushed", ProgressDetail = new(), Id = id });
        return sent;
    }

    /// <summary>From here on a blob is sent so that a push after a cut or a restart goes on with it, for which one request more is needed.</summary>
    private const long ResumableBytes = 4L << 20;

    /// <summary>Sends the bytes that the layer came in; false when they cannot be made again after all.</summary>
    private async Task<bool> SendKeptAsync(Pushing push, string id, Descriptor kept, Digest diffId, Digest chain, CancellationToken cancellation)
    {
        if (_content.Has(kept.Digest)) return await SendWholeAsync(push, id, kept, cancellation) == kept.Digest;
        using var note = _store.Upload(push.Name.Repository, kept.Digest.ToString());
        try
        {
            // Before the upload begins: a registry need not wait for the first byte.
            using var share = await ShareAsync(diffId, kept, cancellation);
            var report = Throttled(id, "Pushing", kept.Size, push.Progress);
            var sent = await push.Client.UploadAsync((output, stop) => RemakeAsync(share, chain, kept, output, stop), note, report, cancellation);
            return sent.Digest == kept.Digest;
        }
        catch (Exception error) when (error is InvalidDataException or FileNotFoundException)
        {
            ForgetRecipe(kept.Digest, error);
            return false;
        }
    }

    /// <summary>Writes the layer's tar again from its tree and compresses and sends it in one go; the progress is that of the tar.</summary>
    private async Task<Descriptor> CompressAndSendAsync(Pushing push, string id, Digest diffId, Digest chain, CancellationToken cancellation)
    {
        var report = Throttled(id, "Pushing", _snapshots.LayerSize(chain), push.Progress);
        using var note = _store.Upload(push.Name.Repository, $"{diffId} gzip-pieces fast");
        var blob = await push.Client.UploadAsync(async (output, stop) =>
        {
            await using var buffered = new BufferedStream(output, 128 << 10);
            await using (var gzip = new ParallelGzipStream(buffered))
            await using (var counted = new CountingWriter(gzip, report)) await _snapshots.WriteLayerTarAsync(chain, counted, stop);
            await buffered.FlushAsync(stop);
        }, note, static _ => { }, cancellation);
        blob.MediaType = MediaTypes.DockerLayerGzip;
        return blob;
    }

    private sealed class CountingWriter(Stream inner, Action<long> progress) : WriteOnlyStream
    {
        private long _written;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await inner.WriteAsync(buffer, cancellationToken);
            progress(_written += buffer.Length);
        }
    }

    private sealed record KnownManifest(Digest Digest, byte[] Bytes, Manifest Manifest);

    /// <summary>The manifests that an image came or went out with and that are here, without indexes.</summary>
    private async Task<List<KnownManifest>> KnownManifestsAsync(ImageRecord image, CancellationToken cancellation)
    {
        var known = new List<KnownManifest>();
        foreach (var digest in _store.ManifestsOf(image.Id).Where(_content.Has))
        {
            var bytes = await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation);
            if (!ManifestDocuments.IsIndex(null, bytes)) known.Add(new KnownManifest(digest, bytes, ManifestDocuments.ParseManifest(bytes, null)));
        }
        return known;
    }

    /// <summary>An image that came from a registry goes out under the manifest it came with, so that its digest stays.</summary>
    private static (byte[] Bytes, string MediaType) ManifestFor(IEnumerable<KnownManifest> manifests, Descriptor config, Descriptor[] layers, Digest? preferred)
    {
        foreach (var known in manifests.OrderByDescending(one => one.Digest == preferred))
            if (known.Manifest.Layers!.Select(layer => layer.Digest).SequenceEqual(layers.Select(layer => layer.Digest))) return (known.Bytes, known.Manifest.MediaType ?? MediaTypes.OciManifest);
        bool oci = layers.Any(layer => layer.MediaType!.StartsWith("application/vnd.oci.", StringComparison.Ordinal));
        var manifest = new Manifest
        {
            SchemaVersion = 2,
            MediaType = oci ? MediaTypes.OciManifest : MediaTypes.DockerManifest,
            Config = oci ? config with { MediaType = MediaTypes.OciConfig } : config,
            Layers = [.. layers.Select(layer => new Descriptor { MediaType = oci ? OciType(layer.MediaType!) : layer.MediaType, Digest = layer.Digest, Size = layer.Size })],
        };
        return (JsonSerializer.SerializeToUtf8Bytes(manifest, ImageJson.Plain.Manifest), manifest.MediaType);
    }

    private static string OciType(string mediaType) => mediaType switch { MediaTypes.DockerLayerGzip => MediaTypes.OciLayerGzip, MediaTypes.DockerLayer => MediaTypes.OciLayer, _ => mediaType };
}
