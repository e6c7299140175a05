using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
using Wharf.Engine.Images.Trust;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Which images of an archive to load, and how to tell of it.</summary>
public sealed record LoadOptions
{
    /// <summary>Only for these platforms; none is all that fits.</summary>
    public IReadOnlyList<Platform> Platforms { get; init; } = [];
    /// <summary>No progress of layers.</summary>
    public bool Quiet { get; init; }
}

/// <summary>Loading docker archives and OCI layouts.</summary>
public sealed partial class ImageService
{
    private sealed record Loading(ArchiveMembers Members, LoadOptions Options, Leases.Lease Lease, IProgress<JsonMessage> Progress, List<LoadedImage> Loaded);

    /// <summary>An image of an archive and its names there; of a name of several platforms, with the index and the other images.</summary>
    private sealed record LoadedImage(ImageRecord Image, IReadOnlyList<string> Names)
    {
        public Digest? Index { get; set; }
        public List<ImageRecord> Others { get; } = [];
    }

    /// <summary>
    /// Loads all images of an archive, which may be compressed. docker's <c>manifest.json</c> is preferred to <c>index.json</c>
    /// where both are there. Members are kept in a private directory until the end; names in the archive never become paths.
    /// </summary>
    public async Task LoadAsync(Stream archive, LoadOptions options, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        using var lease = _leases.Take();
        await using var tar = await Compression.OpenAsync(archive, _options.Limits.MaxDecompressionRatio, cancellation);
        using var members = await ArchiveMembers.ReadAsync(tar, Path.Combine(_options.DataRoot, "content"), _options.Limits, cancellation);
        CheckArchiveTrust(members.Has("index.json") && !members.Has("manifest.json") ? TrustPolicy.OciArchive : TrustPolicy.DockerArchive);
        var loading = new Loading(members, options, lease, progress, []);
        if (members.Has("manifest.json")) await LoadDockerAsync(loading, cancellation);
        else if (members.Has("index.json")) await LoadLayoutAsync(loading, cancellation);
        else if (members.Has("repositories")) await LoadLegacyAsync(loading, cancellation);
        else throw WharfException.Invalid("the archive holds no image: open repositories: no such file or directory");
        // Of an archive without images dockerd tells an empty object.
        if (loading.Loaded.Count == 0) progress.Report(new JsonMessage());
        foreach (var loaded in loading.Loaded) await NameLoadedAsync(loaded, progress, cancellation);
    }

    private async Task NameLoadedAsync(LoadedImage loaded, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var (image, names) = (loaded.Image, loaded.Names);
        foreach (var name in names)
        {
            var reference = ImageReference.Parse(name).WithDefaultTag();
            if (_store.ByName(reference.Canonical) is { } old && old != image.Id)
                progress.Report(new JsonMessage { Stream = $"The image {reference.Familiar} already exists, renaming the old one with ID {old} to empty string\n" });
            await TagAsync(image.Id, reference.Familiar, cancellation, silent: true);
            if (loaded.Index is not { } index) continue;
            _store.SetName(reference, image.Id, index);
            foreach (var other in loaded.Others) _store.AddPlatform(reference, other.Id);
        }
        if (names.Count == 0) progress.Report(new JsonMessage { Stream = $"Loaded image ID: {image.Id}\n" });
        foreach (var name in names) progress.Report(new JsonMessage { Stream = $"Loaded image: {ImageReference.Parse(name).WithDefaultTag().Familiar}\n" });
        Publish("load", image.Id, image.Id.ToString());
    }

    private async Task LoadDockerAsync(Loading loading, CancellationToken cancellation)
    {
        foreach (var manifest in await loading.Members.DocumentAsync("manifest.json", JsonMessageJson.Default.ListArchiveManifest, cancellation))
        {
            var config = await loading.Members.BytesAsync(manifest.Config ?? throw WharfException.Invalid("manifest.json: an image has no Config"), cancellation);
            var layers = (manifest.Layers ?? []).Select(name => (loading.Members.PathOf(name), (Digest?)null)).ToList();
            var names = (manifest.RepoTags ?? []).Select(name => ImageReference.Parse(name).WithDefaultTag()).ToList();
            if (names.Exists(name => name.Tag is null)) throw WharfException.Invalid($"invalid tag \"{names.Find(static name => name.Tag is null)!.Familiar}\"");
            if (await LoadOneAsync(loading, config, layers, cancellation) is { } image) loading.Loaded.Add(new LoadedImage(image, [.. names.Select(name => name.Familiar)]));
        }
        await JoinPlatformsAsync(loading, cancellation);
        await KeepLayoutBlobsAsync(loading, cancellation);
        if (loading.Loaded.Count == 0 && loading.Options.Platforms.Count > 0) throw NoPlatform(loading.Options.Platforms);
    }

    private static WharfException NoPlatform(IReadOnlyList<Platform> platforms) =>
        WharfException.NotFound($"the archive holds no image for {string.Join(", ", platforms.Select(Platforms.Describe))}");

    private async Task<ImageRecord?> LoadOneAsync(Loading loading, byte[] config, List<(string Path, Digest? Blob)> layers, CancellationToken cancellation)
    {
        var image = ParseConfig(config);
        if (loading.Options.Platforms.Count > 0 && !loading.Options.Platforms.Any(platform => Platforms.Matches(image, platform))) return null;
        var diffIds = image.RootFs?.DiffIds ?? [];
        if (layers.Count != diffIds.Count) throw WharfException.Invalid($"invalid manifest, layers length mismatch: expected {layers.Count}, got {diffIds.Count}");
        if (layers.Count > _options.Limits.MaxLayers) throw WharfException.Invalid("max depth exceeded");
        foreach (var known in Chains(image)) loading.Lease.Add(known);
        await UnpackAllAsync(diffIds, (place, stop) => UnpackFileAsync(place, layers[place.Index].Path, layers[place.Index].Blob, stream => loading.Options.Quiet ? stream
            : new ProgressStream(stream, Throttled(place.ChainId.Hex[..12], "Loading layer", new FileInfo(layers[place.Index].Path).Length, loading.Progress)), stop), cancellation);
        return await StoreConfigAsync(config, loading.Lease, cancellation);
    }
}
