using Microsoft.Extensions.Logging;
using Wharf.Engine.Content;
using Wharf.Engine.Events;
using Wharf.Engine.Images;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Artifacts;

/// <summary>
/// OCI artifacts: files under a manifest that is no image's (image-spec 1.1, "Guidelines for Artifact Usage"). Their blobs lie in the content store beside
/// those of images, and are collected with them. Split by verb.
/// </summary>
public sealed partial class ArtifactService
{
    private readonly DaemonOptions _options;
    private readonly ArtifactStore _store;
    private readonly ContentStore _content;
    private readonly ImageService _images;
    private readonly EventService _events;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _subjects = new(1);

    internal ArtifactService(DaemonOptions options, StateStore state, ContentStore content, ImageService images, EventService events, ILoggerFactory logs) =>
        (_options, _store, _content, _images, _events, _log) = (options, new ArtifactStore(state), content, images, events, logs.CreateLogger("Wharf.Artifacts"));

    /// <summary>Blobs that no collection takes, each with an artifact that needs it.</summary>
    internal IEnumerable<(Digest Blob, string Owner)> Blobs() => _store.Blobs(MountedManifests()).Select(static blob => (blob.Blob, blob.Name is { } name ? $"artifact {name}" : "artifact of a container"));

    private List<Digest> MountedManifests() => [.. Mounted().Select(static use => use.Manifest)];

    public async Task<List<Artifact>> ListAsync(CancellationToken cancellation)
    {
        var all = new List<Artifact>();
        foreach (var one in _store.All()) all.Add(await ReadAsync(one, cancellation));
        return all;
    }

    /// <summary>An artifact by its name, its digest, or the beginning of that.</summary>
    public Task<Artifact> GetAsync(string nameOrDigest, CancellationToken cancellation) => ReadAsync(Find(nameOrDigest)[0], cancellation);

    /// <summary>A file's bytes, verified as they are read, and how many they are.</summary>
    public async Task<(Stream Content, long Size)> OpenAsync(string nameOrDigest, Digest blob, CancellationToken cancellation)
    {
        var artifact = await GetAsync(nameOrDigest, cancellation);
        var file = artifact.Manifest.Layers!.Find(layer => layer.Digest == blob) ?? throw WharfException.NotFound($"artifact {artifact.Name} has no file {blob}");
        return (_content.OpenRead(blob), file.Size);
    }

    /// <summary>Removes a name; by digest, all names of the manifest. Gives the digest.</summary>
    public async Task<Digest> RemoveAsync(string nameOrDigest, CancellationToken cancellation)
    {
        var names = Find(nameOrDigest);
        RequireUnmounted(names);
        _store.Remove(names, MountedManifests());
        foreach (var one in names) Publish("remove", one.Name, one.Manifest);
        await _images.CollectUnusedAsync(cancellation);
        return names[0].Manifest;
    }

    private List<ArtifactName> Find(string nameOrDigest)
    {
        if (ImageReference.TryParse(nameOrDigest, out var name) && _store.Find(name.WithDefaultTag()) is { } found) return [found];
        var hex = nameOrDigest.StartsWith("sha256:", StringComparison.Ordinal) ? nameOrDigest[7..] : nameOrDigest;
        if (hex.Length is > 0 and <= 64 && !hex.AsSpan().ContainsAnyExcept("0123456789abcdef"))
        {
            var matches = _store.WithManifest("sha256:" + hex);
            if (matches.Count > 0 && matches.TrueForAll(one => one.Manifest == matches[0].Manifest)) return matches;
        }
        throw WharfException.NotFound($"No such artifact: {nameOrDigest}");
    }

    private async Task<Artifact> ReadAsync(ArtifactName one, CancellationToken cancellation)
    {
        var manifest = await ManifestAsync(one.Manifest, cancellation);
        return new Artifact { Name = one.Name.Familiar, Digest = one.Manifest.ToString(), CreatedAt = one.Created, Size = manifest.Layers!.Sum(static layer => layer.Size), Manifest = manifest };
    }

    private async Task<Manifest> ManifestAsync(Digest digest, CancellationToken cancellation) =>
        ManifestDocuments.ParseManifest(await _content.ReadAsync(digest, _options.Limits.MaxManifest, cancellation), null);

    private static IEnumerable<Descriptor> BlobsOf(Manifest manifest) => manifest.Layers!.Prepend(manifest.Config!).DistinctBy(static blob => blob.Digest);

    /// <summary>Gives the name to a manifest of which all is here.</summary>
    private void Keep(ImageReference name, Digest digest, Manifest manifest, Digest? former)
    {
        var blobs = BlobsOf(manifest).Select(static blob => blob.Digest).ToList();
        _images.KeepBlobs([digest, .. blobs], () => _store.Set(new ArtifactName(name, digest, DateTimeOffset.UtcNow), blobs, former, MountedManifests()));
    }

    private void Publish(string action, ImageReference name, Digest digest) => _events.Publish("artifact", action, digest.ToString(), new Dictionary<string, string> { ["name"] = name.Familiar });
}
