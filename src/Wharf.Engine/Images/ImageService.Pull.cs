using Wharf.Engine.Images.Registry;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Pulling.</summary>
public sealed partial class ImageService
{
    /// <summary>Pulls an image; progress messages have the Engine API's form.</summary>
    public async Task<ImageRecord> PullAsync(string name, Platform? platform, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(name).WithDefaultTag();
        RefuseReserved(reference);
        using var client = new RegistryClient(reference, auth, push: false, _options, _log);
        var (image, isNew) = await PullOneAsync(client, reference, platform, progress, cancellation);
        Finish(reference, image, isNew, progress);
        if (platform is not null && !Platforms.Matches(image.Config, platform)) WarnOfPlatform(reference, image, platform, progress);
        return image;
    }

    /// <summary>Pulls all tags of a repository.</summary>
    public async Task PullAllAsync(string repository, Platform? platform, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(repository);
        RefuseReserved(reference);
        using var client = new RegistryClient(reference, auth, push: false, _options, _log);
        bool anyNew = false;
        ImageRecord? last = null;
        foreach (var tag in await client.TagsAsync(cancellation))
        {
            (last, bool isNew) = await PullOneAsync(client, reference.WithTag(tag), platform, progress, cancellation);
            anyNew |= isNew;
        }
        if (last is null) throw WharfException.NotFound($"repository {reference.FamiliarRepository} has no tags");
        Finish(reference, last, anyNew, progress);
    }

    private static void RefuseReserved(ImageReference reference)
    {
        if (reference.FamiliarRepository == "scratch") throw new WharfException(ErrorKind.Forbidden, "'scratch' is a reserved name");
    }

    private void Finish(ImageReference reference, ImageRecord image, bool isNew, IProgress<JsonMessage> progress)
    {
        progress.Report(new JsonMessage { Status = $"Status: {(isNew ? "Downloaded newer image" : "Image is up to date")} for {reference.Familiar}" });
        MarkUsed(image.Id);
        Publish("pull", image.Id, reference.Familiar, reference.FamiliarRepository);
    }

    private async Task<(ImageRecord Image, bool IsNew)> PullOneAsync(RegistryClient client, ImageReference reference, Platform? platform, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var asked = reference.Digest?.ToString() ?? reference.Tag!;
        var top = await client.ManifestAsync(asked, cancellation);
        var chosen = top;
        ImageIndex? index = null;
        var begun = new JsonMessage { Status = $"Pulling from {reference.Path}", Id = reference.Digest is null ? asked : $"{reference.Repository}@{reference.Digest}" };
        if (ManifestDocuments.IsIndex(top.MediaType, top.Bytes))
        {
            var wanted = platform ?? Platforms.Host;
            index = ManifestDocuments.ParseIndex(top.Bytes, top.MediaType);
            // What is read is the repository's; that it lacks a platform is told in its stream, as dockerd does.
            progress.Report(begun);
            var entry = Platforms.Choose(index.Manifests ?? [], wanted)
                ?? throw WharfException.NotFound($"no matching manifest for {Platforms.Describe(wanted)} in the manifest list entries");
            chosen = await client.ManifestAsync(entry.Digest.ToString(), cancellation);
            if (chosen.Bytes.Length != entry.Size) throw WharfException.Invalid($"manifest {entry.Digest} has {chosen.Bytes.Length} bytes, the index says {entry.Size}");
        }
        var manifest = ManifestDocuments.ParseManifest(chosen.Bytes, chosen.MediaType);
        if (index is null) progress.Report(begun);
        await CheckTrustAsync(client, reference, index is null ? [chosen.Digest] : [chosen.Digest, top.Digest], cancellation);
        using var lease = _leases.Take();
        var pull = new Pulling(client, reference, lease, progress);
        lease.Add(manifest.Config!.Digest);
        bool isNew = !IsWhole(manifest.Config.Digest);
        // What is here whole needs no look at its layers.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var attesting = FetchAttestationsAsync(client, reference.Tag is null ? null : index, chosen.Digest, lease, stop.Token);
        ImageRecord image;
        List<Digest> attestations;
        try
        {
            image = isNew ? await FetchAsync(pull, manifest, cancellation) : await RecordAsync(manifest.Config.Digest, cancellation);
            attestations = await attesting;
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)attesting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await KeepManifestsAsync(image.Id, lease, [top.Bytes, chosen.Bytes], cancellation);
        _store.AddDigest(reference.Repository, top.Digest, image.Id);
        if (reference.Tag is not null) isNew |= _store.SetName(reference.WithTag(reference.Tag), image.Id, index is null ? null : top.Digest) != image.Id;
        foreach (var digest in attestations) _store.AddIndexBlob(top.Digest, digest);
        progress.Report(new JsonMessage { Status = $"Digest: {top.Digest}" });
        return (await RecordAsync(image.Id, cancellation), isNew);
    }

    private static void WarnOfPlatform(ImageReference reference, ImageRecord image, Platform platform, IProgress<JsonMessage> progress)
    {
        var own = PlatformOf(image.Config);
        progress.Report(new JsonMessage
        {
            Status = $"WARNING: image with reference {reference.Familiar} was found but its platform ({Platforms.Describe(own)}) does not match the specified platform ({Platforms.Describe(platform)})",
        });
    }

    /// <summary>Whether the image is known and none of its layers was lost.</summary>
    private bool IsWhole(Digest image) => _store.Exists(image) && _content.Has(image) && _configs.TryGetValue(image, out var config) ? Chains(config).All(_snapshots.Exists) : IsWholeOnDisk(image);

    private bool IsWholeOnDisk(Digest image)
    {
        if (!_store.Exists(image) || !_content.Has(image)) return false;
        // Not read since the start: small, and read once.
        using var stream = _content.OpenRead(image);
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return Chains(_configs.GetOrAdd(image, ParseConfig(memory.ToArray()))).All(_snapshots.Exists);
    }

    /// <summary>Keeps the documents an image came or went with: their bytes are its digests.</summary>
    private async Task KeepManifestsAsync(Digest image, Leases.Lease lease, IEnumerable<byte[]> documents, CancellationToken cancellation)
    {
        foreach (var bytes in documents)
        {
            var digest = Digest.OfBytes(bytes);
            lease.Add(digest);
            await _content.WriteAsync(bytes, cancellation);
            _store.AddManifest(image, digest);
        }
    }
}
