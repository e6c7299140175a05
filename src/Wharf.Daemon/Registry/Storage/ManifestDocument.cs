using System.Text.Json;
using Wharf.Daemon.Registry.Http;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>What a manifest points at. <see cref="MustExist"/> is false for a foreign layer, whose bytes lie at URLs elsewhere.</summary>
public sealed record ManifestReference(Digest Digest, long Size, bool MustExist);

/// <summary>What the registry reads of a manifest; the bytes themselves are stored and served as received.</summary>
public sealed record ManifestDocument(string MediaType, string? ArtifactType, Digest? Subject, Digest? Config, IReadOnlyDictionary<string, string>? Annotations, IReadOnlyList<ManifestReference> References)
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    /// <summary>More references than this are refused: no real image has them, and each costs a look-up.</summary>
    private const int MaxReferences = 20_000;

    public static bool IsIndexType(string? type) => type is MediaTypes.OciIndex or MediaTypes.DockerManifestList;
    public static bool IsManifestType(string? type) => type is MediaTypes.OciManifest or MediaTypes.DockerManifest;

    /// <summary>Reads a manifest pushed with a content type; MANIFEST_INVALID when they do not fit each other or it could be read in two ways.</summary>
    public static ManifestDocument Parse(ReadOnlyMemory<byte> bytes, string? contentType)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, Strict);
            return Read(document.RootElement, contentType);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            throw new RegistryException(RegistryErrorCode.ManifestInvalid, "manifest is not valid JSON of its type", error.Message, error);
        }
    }

    private static ManifestDocument Read(JsonElement root, string? contentType)
    {
        if (root.ValueKind != JsonValueKind.Object) throw Invalid("manifest is not a JSON object");
        var mediaType = Text(root, "mediaType");
        if (root.TryGetProperty("schemaVersion", out var version) && (version.ValueKind != JsonValueKind.Number || version.GetInt32() != 2))
            throw Invalid("only manifests of schemaVersion 2 are kept: schema 1 has been withdrawn by its makers");
        bool hasLayers = root.TryGetProperty("layers", out _) || root.TryGetProperty("config", out _), hasManifests = root.TryGetProperty("manifests", out _);
        // GHSA-qq97-vm5h-rrhg: what could be read as an image and as an index means two things under one digest.
        if (hasLayers && hasManifests) throw Invalid("manifest has members of an image manifest and of an index");
        var type = contentType is null or "" or "application/json" or "application/octet-stream" ? mediaType ?? (hasManifests ? MediaTypes.OciIndex : MediaTypes.OciManifest) : contentType;
        if (mediaType is not null && mediaType != type) throw Invalid($"mediaType in manifest is {mediaType}, but the Content-Type is {type}");
        bool isIndex = IsIndexType(type);
        if (!isIndex && !IsManifestType(type)) throw Invalid($"unsupported manifest media type {type}");
        if (isIndex ? hasLayers : hasManifests) throw Invalid($"manifest's members do not fit its media type {type}");
        if (!root.TryGetProperty("schemaVersion", out _)) throw Invalid("manifest has no schemaVersion");
        var references = new List<ManifestReference>();
        Digest? config = null;
        if (isIndex) Add(references, root, "manifests", isLayer: false);
        else
        {
            if (!root.TryGetProperty("config", out var element) || element.ValueKind != JsonValueKind.Object) throw Invalid("manifest has no config");
            references.Add(Reference(element, isLayer: false));
            config = references[0].Digest;
            Add(references, root, "layers", isLayer: true);
        }
        Digest? subject = root.TryGetProperty("subject", out var pointer) && pointer.ValueKind != JsonValueKind.Null ? Reference(pointer, isLayer: false).Digest : null;
        var artifactType = Text(root, "artifactType");
        // distribution-spec, "Listing Referrers": an image manifest without artifactType has its config's media type; an index has none.
        if (string.IsNullOrEmpty(artifactType)) artifactType = isIndex ? null : Text(root.GetProperty("config"), "mediaType");
        return new ManifestDocument(type, artifactType, subject, config, ReadAnnotations(root), references);
    }

    private static void Add(List<ManifestReference> references, JsonElement root, string member, bool isLayer)
    {
        if (!root.TryGetProperty(member, out var list) || list.ValueKind == JsonValueKind.Null) return;
        if (list.ValueKind != JsonValueKind.Array) throw Invalid($"manifest's {member} is not a list");
        if (list.GetArrayLength() > MaxReferences) throw Invalid($"manifest has more than {MaxReferences} {member}");
        foreach (var element in list.EnumerateArray()) references.Add(Reference(element, isLayer));
    }

    private static ManifestReference Reference(JsonElement descriptor, bool isLayer)
    {
        if (descriptor.ValueKind != JsonValueKind.Object) throw Invalid("a descriptor is not a JSON object");
        if (!Digest.TryParse(Text(descriptor, "digest"), out var digest)) throw Invalid("a descriptor has no valid digest");
        if (!descriptor.TryGetProperty("size", out var size) || size.ValueKind != JsonValueKind.Number || !size.TryGetInt64(out long bytes) || bytes < 0) throw Invalid($"the descriptor of {digest} has no valid size");
        var type = Text(descriptor, "mediaType");
        bool isForeign = isLayer && (type?.Contains("nondistributable", StringComparison.Ordinal) == true || type?.Contains(".foreign.", StringComparison.Ordinal) == true
            || descriptor.TryGetProperty("urls", out var urls) && urls.ValueKind == JsonValueKind.Array && urls.GetArrayLength() > 0);
        return new ManifestReference(digest, bytes, !isForeign);
    }

    private static Dictionary<string, string>? ReadAnnotations(JsonElement root)
    {
        if (!root.TryGetProperty("annotations", out var element) || element.ValueKind != JsonValueKind.Object) return null;
        return element.EnumerateObject().ToDictionary(property => property.Name, property => property.Value.GetString() ?? "", StringComparer.Ordinal);
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetString() : null;

    private static RegistryException Invalid(string message) => new(RegistryErrorCode.ManifestInvalid, message);
}
