using System.Text.Json;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Exporting;

/// <summary>One image of a layout.</summary>
public sealed record LayoutEntry(LayoutImage Image, Descriptor Manifest, Descriptor Config, IReadOnlyList<Descriptor> Layers, IReadOnlyList<Descriptor> Attestations);

/// <summary>
/// Images as registries and archives have them: config, compressed layers, manifests, and an index where there are several platforms or
/// attestations. All blobs are in the content store until the next collection.
/// </summary>
public sealed class ImageLayout
{
    /// <summary>The type of an attestation, and the annotation that says what it states.</summary>
    public const string InTotoType = "application/vnd.in-toto+json", PredicateType = "in-toto.io/predicate-type";

    private readonly List<Descriptor> _blobs = [], _manifests = [];
    private readonly List<LayoutEntry> _entries = [];

    /// <summary>What stands for the whole: the index, or the only manifest.</summary>
    public Descriptor Root { get; private set; } = new();
    public IReadOnlyList<LayoutEntry> Entries => _entries;
    /// <summary>Configs, layers and attestations.</summary>
    public IReadOnlyList<Descriptor> Blobs => _blobs;
    /// <summary>Manifests before what names them; the root is the last.</summary>
    public IReadOnlyList<Descriptor> Manifests => _manifests;

    internal static async Task<ImageLayout> BuildAsync(ImageService images, IReadOnlyList<LayoutImage> targets, LayoutOptions options, CancellationToken cancellation)
    {
        var layout = new ImageLayout();
        foreach (var target in targets) layout._entries.Add(await layout.AddAsync(images, target, options, cancellation));
        bool index = options.Index || layout._entries.Count > 1 || layout._entries.Exists(static entry => entry.Attestations.Count > 0);
        layout.Root = index ? await layout.AddIndexAsync(images, options, cancellation) : layout._entries[0].Manifest with { Platform = null };
        return layout;
    }

    private async Task<LayoutEntry> AddAsync(ImageService images, LayoutImage target, LayoutOptions options, CancellationToken cancellation)
    {
        var image = target.Target.Image;
        var layers = new List<Descriptor>();
        Digest? chain = null;
        foreach (var diffId in image.RootFs?.DiffIds ?? [])
        {
            chain = ChainId.Of(chain, diffId);
            var layer = await images.LayerBlobAsync(diffId, chain.Value, options.Compression, cancellation);
            layers.Add(new Descriptor { MediaType = options.OciTypes ? layer.MediaType : DockerType(layer.MediaType!), Digest = layer.Digest, Size = layer.Size });
        }
        var config = JsonSerializer.SerializeToUtf8Bytes(image, ImageJson.Plain.OciImage);
        var configBlob = new Descriptor { MediaType = options.OciTypes ? MediaTypes.OciConfig : MediaTypes.DockerConfig, Digest = await images.WriteBlobAsync(config, cancellation), Size = config.Length };
        _blobs.AddRange(layers);
        _blobs.Add(configBlob);
        var manifest = new Manifest
        {
            SchemaVersion = 2, MediaType = options.OciTypes ? MediaTypes.OciManifest : MediaTypes.DockerManifest, Config = configBlob, Layers = layers, Annotations = Annotations(options, "manifest", target.PlatformKey),
        };
        var descriptor = await AddManifestAsync(images, manifest, cancellation);
        descriptor = descriptor with { Platform = new Platform { Architecture = image.Architecture, Os = image.Os, Variant = image.Variant }, Annotations = Annotations(options, "manifest-descriptor", target.PlatformKey) };
        var attestations = options.Attest?.Invoke(target, descriptor.Digest) is { Count: > 0 } statements ? await AddAttestationsAsync(images, statements, descriptor, options, cancellation) : [];
        return new LayoutEntry(target, descriptor, configBlob, layers, attestations);
    }

    private static string DockerType(string mediaType) => mediaType switch { MediaTypes.OciLayerGzip => MediaTypes.DockerLayerGzip, MediaTypes.OciLayer => MediaTypes.DockerLayer, MediaTypes.OciLayerZstd => MediaTypes.DockerLayerZstd, _ => mediaType };

    private static Dictionary<string, string>? Annotations(LayoutOptions options, string place, string platform)
    {
        var found = options.Annotations.Where(entry => entry.Place == place || (platform.Length > 0 && entry.Place == $"{place}[{platform}]")).ToList();
        if (found.Count == 0) return null;
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (_, key, value) in found) annotations[key] = value;
        return annotations;
    }

    private async Task<Descriptor> AddManifestAsync(ImageService images, Manifest manifest, CancellationToken cancellation)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(manifest, ImageJson.Plain.Manifest);
        var descriptor = new Descriptor { MediaType = manifest.MediaType, Digest = await images.WriteBlobAsync(bytes, cancellation), Size = bytes.Length };
        _manifests.Add(descriptor);
        return descriptor;
    }

    /// <summary>Statements stand beside the image as a manifest for no platform, which the index ties to the image (BuildKit's attestation storage).</summary>
    private async Task<IReadOnlyList<Descriptor>> AddAttestationsAsync(ImageService images, IReadOnlyList<Attestation> statements, Descriptor image, LayoutOptions options, CancellationToken cancellation)
    {
        var layers = new List<Descriptor>();
        foreach (var statement in statements)
        {
            layers.Add(new Descriptor
            {
                MediaType = InTotoType, Digest = await images.WriteBlobAsync(statement.Statement, cancellation), Size = statement.Statement.Length, Annotations = new() { [PredicateType] = statement.PredicateType },
            });
        }
        var config = JsonSerializer.SerializeToUtf8Bytes(new OciImage { Architecture = "unknown", Os = "unknown", Config = new OciImageConfig(), RootFs = new RootFs { DiffIds = [.. layers.Select(static layer => layer.Digest)] } }, ImageJson.Plain.OciImage);
        var configBlob = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = await images.WriteBlobAsync(config, cancellation), Size = config.Length };
        _blobs.AddRange(layers);
        _blobs.Add(configBlob);
        var manifest = await AddManifestAsync(images, new Manifest { SchemaVersion = 2, MediaType = MediaTypes.OciManifest, Config = configBlob, Layers = layers }, cancellation);
        return
        [
            manifest with
            {
                Platform = new Platform { Architecture = "unknown", Os = "unknown" },
                Annotations = new() { ["vnd.docker.reference.digest"] = image.Digest.ToString(), ["vnd.docker.reference.type"] = "attestation-manifest" },
            },
            .. layers,
        ];
    }

    private async Task<Descriptor> AddIndexAsync(ImageService images, LayoutOptions options, CancellationToken cancellation)
    {
        var index = new ImageIndex
        {
            SchemaVersion = 2, MediaType = options.OciTypes ? MediaTypes.OciIndex : MediaTypes.DockerManifestList,
            Manifests = [.. _entries.Select(static entry => entry.Manifest), .. _entries.SelectMany(static entry => entry.Attestations.Take(1))], Annotations = Annotations(options, "index", ""),
        };
        var bytes = JsonSerializer.SerializeToUtf8Bytes(index, ImageJson.Plain.ImageIndex);
        var descriptor = new Descriptor { MediaType = index.MediaType, Digest = await images.WriteBlobAsync(bytes, cancellation), Size = bytes.Length };
        _manifests.Add(descriptor);
        return descriptor;
    }
}
