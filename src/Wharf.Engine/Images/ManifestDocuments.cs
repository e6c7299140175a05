using System.Text.Json;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Reading manifests so that no document can mean two things (CVE-2021-41190).</summary>
public static class ManifestDocuments
{
    /// <summary>True when the document is an index, by its declared type and its own members.</summary>
    public static bool IsIndex(string? mediaType, ReadOnlySpan<byte> json) =>
        mediaType is MediaTypes.OciIndex or MediaTypes.DockerManifestList || (mediaType is null && Members(json).Index);

    public static Manifest ParseManifest(ReadOnlySpan<byte> json, string? contentType)
    {
        var manifest = Parse(json, ImageJson.Default.Manifest);
        Check(json, contentType, manifest.MediaType, manifest.SchemaVersion, index: false);
        if (manifest.Config is null || manifest.Layers is null) throw WharfException.Invalid("the manifest has no config or no layers");
        return manifest;
    }

    public static ImageIndex ParseIndex(ReadOnlySpan<byte> json, string? contentType)
    {
        var index = Parse(json, ImageJson.Default.ImageIndex);
        Check(json, contentType, index.MediaType, index.SchemaVersion, index: true);
        return index;
    }

    /// <summary>The media type of a document, which is one or the other: the one it came with, else its own.</summary>
    public static string TypeOf(ReadOnlySpan<byte> json, string? contentType)
    {
        bool index = IsIndex(contentType, json);
        return contentType ?? (index ? ParseIndex(json, null).MediaType : ParseManifest(json, null).MediaType) ?? (index ? MediaTypes.OciIndex : MediaTypes.OciManifest);
    }

    /// <summary>What a manifest or an index refers to; null for nothing.</summary>
    public static Descriptor? SubjectOf(ReadOnlySpan<byte> json) => Parse(json, ImageJson.Default.ImageIndex).Subject;

    private static void Check(ReadOnlySpan<byte> json, string? contentType, string? mediaType, int schemaVersion, bool index)
    {
        if (schemaVersion == 1) throw WharfException.NotImplemented("manifests of schema version 1 are no longer supported: the image must be pushed anew");
        if (schemaVersion != 2) throw WharfException.Invalid($"unknown manifest schema version {schemaVersion}");
        if (contentType is not null && mediaType is not null && contentType != mediaType)
            throw WharfException.Invalid($"the registry calls the manifest {contentType}, the manifest itself says {mediaType}");
        var (asManifest, asIndex) = Members(json);
        if (asManifest && asIndex) throw WharfException.Invalid("the document is both a manifest and an index: refused");
        if (index ? asManifest : asIndex) throw WharfException.Invalid(index ? "an index was expected, this is a manifest" : "a manifest was expected, this is an index");
    }

    private static (bool Manifest, bool Index) Members(ReadOnlySpan<byte> json)
    {
        using var document = JsonDocument.Parse(json.ToArray(), new JsonDocumentOptions { MaxDepth = 32 });
        bool Has(string name) => document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out _);
        return (Has("layers") || Has("config") || Has("fsLayers"), Has("manifests"));
    }

    private static T Parse<T>(ReadOnlySpan<byte> json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) where T : class
    {
        try { return JsonSerializer.Deserialize(json, type) ?? throw WharfException.Invalid("the manifest is empty"); }
        catch (JsonException error) { throw WharfException.Invalid($"the manifest is not valid: {error.Message}", error); }
    }
}
