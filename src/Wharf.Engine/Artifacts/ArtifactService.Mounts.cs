using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Artifacts;

/// <summary>Artifacts as files in containers (<c>--mount type=artifact</c>), as podman has them.</summary>
public sealed partial class ArtifactService
{
    /// <summary>The containers that mount artifacts, each with the manifest: their blobs stay. Set by the wiring.</summary>
    internal Func<IEnumerable<(string Container, Digest Manifest)>> Mounted { get; set; } = static () => [];

    /// <summary>Which manifest a name stands for now, as names move; refuses what could not be mounted.</summary>
    internal async Task<Digest> ResolveMountAsync(string nameOrDigest, MountArtifactOptions? options, CancellationToken cancellation)
    {
        var manifest = Find(nameOrDigest)[0].Manifest;
        await FilesAsync(nameOrDigest, manifest, options, cancellation);
        return manifest;
    }

    /// <summary>The files to mount: where they lie, and what they are called in a directory. Titles are strangers' words: none leads out of it.</summary>
    internal async Task<List<(string Path, string Name)>> FilesAsync(string artifact, Digest digest, MountArtifactOptions? options, CancellationToken cancellation)
    {
        var files = ArtifactFiles.Select(await ManifestAsync(digest, cancellation), options?.Digest ?? "", options?.Title ?? "");
        if (files.Count == 0) throw WharfException.NotFound($"artifact {artifact} has no such file");
        if (files.Find(file => !_content.Has(file.Digest)) is { } missing) throw WharfException.NotFound($"artifact {artifact}: {missing.Digest} is not in the store: pull or add it again");
        var named = files.Select((file, i) => (Path: _content.PathOf(file.Digest), Name: options?.Name is { Length: > 0 } name ? files.Count == 1 ? name : $"{name}-{i}" : ArtifactFiles.NameOf(file))).ToList();
        foreach (var (_, name) in named)
            if (!ArtifactFiles.IsName(name)) throw WharfException.Invalid($"artifact {artifact}: \"{name}\" is no name for a file: give it another by \"name\"");
        if (named.DistinctBy(static file => file.Name).Count() < named.Count) throw WharfException.Invalid($"artifact {artifact} has files of the same title: choose one by digest, or name them by \"name\"");
        return named;
    }

    /// <summary>Conflict where a container mounts what would lose its last name.</summary>
    private void RequireUnmounted(List<ArtifactName> names)
    {
        var manifest = names[0].Manifest;
        if (_store.WithManifest(manifest.ToString()).Count > names.Count || Mounted().FirstOrDefault(use => use.Manifest == manifest).Container is not { } container) return;
        throw WharfException.Conflict($"artifact {names[0].Name.Familiar} is mounted by container {container[..12]}: remove that first");
    }
}
