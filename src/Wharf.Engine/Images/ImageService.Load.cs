using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Engine.Images.Registry;
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
    private sealed record Loading(ArchiveMembers Members, LoadOptions Options, Leases.Lease Lease, IProgress<JsonMessage> Progress, List<(ImageRecord Image, IReadOnlyList<string> Names)> Loaded);

    /// <summary>
    /// Loads all images of an archive, which may be compressed. docker's <c>manifest.json</c> is preferred to <c>index.json</c>
    /// where both are there. Members are kept in a private directory until the end; names in the archive never become paths.
    /// </summary>
    public async Task LoadAsync(Stream archive, LoadOptions options, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        using var lease = _leases.Take();
        await using var tar = await Compression.OpenAsync(archive, _options.Limits.MaxDecompressionRatio, cancellation);
        using var members = await ArchiveMembers.ReadAsync(tar, Path.Combine(_options.DataRoot, "content"), _options.Limits, cancellation);
        var loading = new Loading(members, options, lease, progress, []);
        if (members.Has("manifest.json")) await LoadDockerAsync(loading, cancellation);
        else if (members.Has("index.json")) await LoadLayoutAsync(loading, cancellation);
        else throw WharfException.Invalid("the archive holds no image: open manifest.json: no such file or directory");
        foreach (var (image, names) in loading.Loaded) await NameLoadedAsync(image, names, progress, cancellation);
    }

    private async Task NameLoadedAsync(ImageRecord image, IReadOnlyList<string> names, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        foreach (var name in names)
        {
            var reference = ImageReference.Parse(name).WithDefaultTag();
            if (_store.ByName(reference.Canonical) is { } old && old != image.Id)
                progress.Report(new JsonMessage { Stream = $"The image {reference.Familiar} already exists, renaming the old one with ID {old} to empty string\n" });
            await TagAsync(image.Id, reference.Familiar, cancellation);
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
            if (names.Exists(name => name.Tag is null)) throw WharfException.Invalid($"invalid tag {string.Join(", ", names)}");
            if (await LoadOneAsync(loading, config, layers, cancellation) is { } image) loading.Loaded.Add((image, [.. names.Select(name => name.Familiar)]));
        }
        if (loading.Loaded.Count == 0 && loading.Options.Platforms.Count > 0) throw NoPlatform(loading.Options.Platforms);
    }

    private static WharfException NoPlatform(IReadOnlyList<Platform> platforms) =>
        WharfException.NotFound($"the archive holds no image for {string.Join(", ", platforms.Select(Platforms.Describe))}");

    private async Task<ImageRecord?> LoadOneAsync(Loading loading, byte[] config, List<(string Path, Digest? Blob)> layers, CancellationToken cancellation)
    {
        var image = ParseConfig(config);
        if (loading.Options.Platforms.Count > 0 && !loading.Options.Platforms.Any(platform => Platforms.Matches(image, platform))) return null;
        var diffIds = image.RootFs?.DiffIds ?? [];
        if (layers.Count != diffIds.Count) throw WharfException.Invalid($"invalid manifest, layers length mismatch: expected {diffIds.Count}, got {layers.Count}");
        if (layers.Count > _options.Limits.MaxLayers) throw WharfException.Invalid("max depth exceeded");
        foreach (var known in Chains(image)) loading.Lease.Add(known);
        Digest? chain = null;
        for (int i = 0; i < diffIds.Count; i++) chain = await ApplyFileAsync(loading, chain, diffIds[i], layers[i].Path, layers[i].Blob, cancellation);
        return await StoreConfigAsync(config, loading.Lease, cancellation);
    }

    private async Task LoadLayoutAsync(Loading loading, CancellationToken cancellation)
    {
        var index = await loading.Members.DocumentAsync("index.json", ImageJson.Default.ImageIndex, cancellation);
        foreach (var entry in index.Manifests ?? [])
        {
            var (descriptor, bytes) = await ResolveLayoutAsync(loading, entry, depth: 0, cancellation);
            if (descriptor is null) continue;
            var manifest = ManifestDocuments.ParseManifest(bytes, null);
            if (manifest.Config!.MediaType is not (MediaTypes.OciConfig or MediaTypes.DockerConfig)) continue;
            var config = await loading.Members.BlobAsync(manifest.Config, cancellation);
            var layers = manifest.Layers!.Select(layer => (loading.Members.PathOf(ArchiveMembers.NameOf(layer.Digest)), (Digest?)layer.Digest)).ToList();
            if (await LoadOneAsync(loading, config, layers, cancellation) is not { } image) continue;
            loading.Loaded.Add((image, NameOf(entry) is { } name ? [name] : []));
        }
        if (loading.Loaded.Count == 0 && loading.Options.Platforms.Count > 0) throw NoPlatform(loading.Options.Platforms);
    }

    /// <summary>containerd writes the whole name beside the tag; of other writers' ref.name only a full name is one.</summary>
    private static string? NameOf(Descriptor entry)
    {
        var name = entry.Annotations?.GetValueOrDefault("io.containerd.image.name") ?? entry.Annotations?.GetValueOrDefault("org.opencontainers.image.ref.name");
        return name is not null && name.Contains(':') && ImageReference.TryParse(name, out var reference) && reference.Tag is not null ? reference.Familiar : null;
    }

    private async Task<(Descriptor?, byte[])> ResolveLayoutAsync(Loading loading, Descriptor entry, int depth, CancellationToken cancellation)
    {
        var bytes = await loading.Members.BlobAsync(entry, cancellation);
        if (!ManifestDocuments.IsIndex(entry.MediaType, bytes)) return (entry, bytes);
        if (depth > 4) throw WharfException.Invalid("index.json: indexes are nested too deep");
        var manifests = (ManifestDocuments.ParseIndex(bytes, null).Manifests ?? []).Where(one => loading.Members.Has(ArchiveMembers.NameOf(one.Digest))).ToList();
        Descriptor? chosen = null;
        foreach (var platform in loading.Options.Platforms.Count > 0 ? loading.Options.Platforms : [Platforms.Host]) chosen ??= Platforms.Choose(manifests, platform);
        // An archive of another machine's image alone is loaded all the same, as dockerd does.
        if (chosen is null && loading.Options.Platforms.Count == 0)
            chosen = manifests.Find(one => one.Platform is not { Os: "unknown" } && one.Annotations?.ContainsKey("vnd.docker.reference.type") != true);
        return chosen is null ? (null, bytes) : await ResolveLayoutAsync(loading, chosen, depth + 1, cancellation);
    }

    private async Task<Digest> ApplyFileAsync(Loading loading, Digest? parent, Digest diffId, string path, Digest? blob, CancellationToken cancellation)
    {
        var chain = Snapshots.ChainId.Of(parent, diffId);
        if (_snapshots.Exists(chain)) return chain;
        var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, BufferSize = 0, Options = FileOptions.SequentialScan });
        Stream source = blob is { } digest ? new VerifiedStream(file, digest, file.Length) : file;
        if (!loading.Options.Quiet) source = new ProgressStream(source, Throttled(chain.Hex[..12], "Loading layer", file.Length, loading.Progress));
        await using var _ = source;
        await using var tar = await Compression.OpenAsync(source, _options.Limits.MaxDecompressionRatio, cancellation);
        return (await _snapshots.ApplyAsync(parent, diffId, tar, cancellation)).ChainId;
    }
}
