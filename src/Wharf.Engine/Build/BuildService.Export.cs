using Wharf.Engine.Build.Exporting;
using Wharf.Linux.Fds;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>Ways out for what was built, other than the image store.</summary>
public sealed partial class BuildService
{
    /// <summary>Keeps blobs from being collected until disposed: take it before building a layout.</summary>
    public Task<IDisposable> HoldAsync(CancellationToken cancellation) => _images.HoldLayersAsync(cancellation);

    /// <summary>Puts images together as registries and archives have them. The caller holds <see cref="HoldAsync"/>.</summary>
    public Task<ImageLayout> LayoutAsync(IReadOnlyList<LayoutImage> images, LayoutOptions options, CancellationToken cancellation) => ImageLayout.BuildAsync(_images, images, options, cancellation);

    /// <summary>Writes a layout as an archive, OCI's or docker's.</summary>
    public Task WriteArchiveAsync(ImageLayout layout, IReadOnlyList<string> names, bool docker, DateTimeOffset created, Stream output, CancellationToken cancellation) =>
        ArchiveExport.WriteAsync(_images, layout, names, docker, created, output, cancellation);

    /// <summary>Pushes a layout to a registry under a name.</summary>
    public async Task PushAsync(ImageLayout layout, string name, bool byDigest, AuthConfig? auth, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        var reference = ImageReference.Parse(name).WithDefaultTag();
        if (byDigest) reference = ImageReference.Parse(reference.Repository);
        await _images.PushBlobsAsync(reference, auth, layout.Blobs, layout.Manifests, progress, cancellation);
    }

    /// <summary>A small blob of the store, whole.</summary>
    public async Task<byte[]> ReadBlobAsync(Digest digest, CancellationToken cancellation)
    {
        await using var blob = _images.OpenBlob(digest);
        using var bytes = new MemoryStream();
        await blob.CopyToAsync(bytes, cancellation);
        return bytes.ToArray();
    }

    /// <summary>Keeps a layout's attestations with its image, which is in the store under these names.</summary>
    public void KeepAttestations(IReadOnlyList<string> names, ImageLayout layout)
    {
        foreach (var name in names) _images.KeepIndex(ImageReference.Parse(name).WithDefaultTag(), layout);
    }

    /// <summary>Notes the digest under which a registry has an image of the store.</summary>
    public void NoteDigest(string name, ImageLayout layout, Digest image) => _images.AddRepositoryDigest(ImageReference.Parse(name), layout.Root.Digest, image);

    /// <summary>The built file system, read-only. The caller closes it.</summary>
    public Fd OpenRoot(SolvedTarget target) => _snapshots.OpenLayers(target.Root.ChainId);

    /// <summary>The packages that a built file system has.</summary>
    public List<FoundPackage> FindPackages(SolvedTarget target, CancellationToken cancellation)
    {
        using var root = OpenRoot(target);
        return PackageScan.Run(root, cancellation);
    }

    /// <summary>Writes built file systems as a tar, each under its prefix.</summary>
    public async Task WriteTreesAsync(IReadOnlyList<(string Prefix, SolvedTarget Target)> trees, Stream output, CancellationToken cancellation)
    {
        var tar = new Archive.TarWriter(output);
        foreach (var (prefix, target) in trees)
        {
            using var root = OpenRoot(target);
            if (prefix.Length > 0) await tar.WriteEntryAsync(new Archive.TarEntry { Type = Archive.TarType.Directory, Name = System.Text.Encoding.UTF8.GetBytes(prefix), Mode = 0x1ed }, cancellation);
            await new Archive.TreeWriter(tar, new Archive.TreeWriterOptions()).WriteChildrenAsync(root, System.Text.Encoding.UTF8.GetBytes(prefix), cancellation);
        }
        await tar.FinishAsync(cancellation);
    }

    /// <summary>Gives built file systems as one directory: the only one as it is, several as a copy with one directory each.</summary>
    public async Task WithTreesAsync(IReadOnlyList<(string Prefix, SolvedTarget Target)> trees, Func<Fd, Task> use, CancellationToken cancellation)
    {
        if (trees is [{ Prefix: "" } only])
        {
            using var root = OpenRoot(only.Target);
            await use(root);
            return;
        }
        var directory = MakeContextDirectory();
        try
        {
            using var root = OpenAt.Open(directory, O.RDONLY | O.DIRECTORY);
            await Archive.Piped.RunAsync(output => WriteTreesAsync(trees, output, cancellation), tar => Archive.ArchiveService.ExtractAsync(root, "/", tar, new Archive.ArchiveExtractOptions(), cancellation));
            await use(root);
        }
        finally { RemoveContext(directory); }
    }

    /// <summary>
    /// The same image with no time later than the given one, in its layers and its document: two builds of the same sources then give the same digest.
    /// Layers of the base image stay as they are.
    /// </summary>
    public async Task<SolvedTarget> RewriteTimesAsync(SolvedTarget target, long epoch, CancellationToken cancellation)
    {
        using var held = await _images.HoldLayersAsync(cancellation);
        int fixedLayers = target.Plan.Target.BaseImage?.Config.RootFs?.DiffIds.Count ?? 0;
        var before = target.Root.DiffIds;
        var after = new List<Digest>();
        Digest? oldChain = null, newChain = null;
        for (int i = 0; i < before.Count; i++)
        {
            oldChain = Snapshots.ChainId.Of(oldChain, before[i]);
            if (i < fixedLayers)
            {
                after.Add(before[i]);
                newChain = oldChain;
                continue;
            }
            var (parent, chain) = (newChain, oldChain.Value);
            var layer = await Archive.Piped.RunAsync(output => Solving.LayerTimes.ClampAsync(_snapshots, chain, output, epoch, _options.Limits, cancellation), tar => _snapshots.ApplyAsync(parent, null, tar, cancellation));
            after.Add(layer.DiffId);
            newChain = layer.ChainId;
            target.Request.Hold.Add(newChain);
        }
        var image = target.Image with { Created = Clamp(target.Image.Created, epoch), RootFs = new RootFs { DiffIds = after }, History = target.Image.History?.ConvertAll(entry => entry with { Created = Clamp(entry.Created, epoch) }) };
        return target with { Image = image, Root = target.Root with { DiffIds = after, ChainId = newChain } };
    }

    private static string? Clamp(string? time, long epoch)
    {
        var bound = DateTimeOffset.FromUnixTimeSeconds(epoch);
        return time is not null && DateTimeOffset.TryParse(time, System.Globalization.CultureInfo.InvariantCulture, out var at) && at > bound ? bound.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture) : time;
    }
}
