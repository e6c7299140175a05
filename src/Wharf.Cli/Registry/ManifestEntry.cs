using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;
using Wharf.Specs.Image;

namespace Wharf.Cli.Registry;

/// <summary>One image of a manifest list that is being put together, in the form docker's client keeps it: reference, descriptor with platform, and the manifest's bytes.</summary>
internal sealed record ManifestEntry(string Reference, JsonObject Descriptor, byte[] Raw)
{
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json", OciIndex = "application/vnd.oci.image.index.v1+json";

    public string MediaType => Descriptor["mediaType"]!.GetValue<string>();
    public string Digest => Descriptor["digest"]!.GetValue<string>();
    public JsonObject Platform => (JsonObject)Descriptor["platform"]!;
    private static readonly string[] PlatformOrder = ["architecture", "os", "os.version", "os.features", "variant"];
    private bool IsOci => MediaType.StartsWith("application/vnd.oci.", StringComparison.Ordinal);

    /// <summary>Asks the registry for an image and what it runs on; a list gives an entry for each of its images.</summary>
    public static async Task<List<ManifestEntry>?> FetchAsync(CliContext cli, ImageReference name, bool isInsecure, CancellationToken cancellationToken)
    {
        using var registry = await RegistryClient.OpenAsync(cli, name, isInsecure, cancellationToken);
        if (await registry.ManifestAsync(name.Digest?.ToString() ?? name.Tag ?? "latest", cancellationToken) is not { } found) return null;
        if (found.Type is not (DockerList or OciIndex)) return [await OneAsync(registry, name.ToString(), found.Bytes, found.Type, cancellationToken)];
        var entries = new List<ManifestEntry>();
        foreach (var item in JsonNode.Parse(found.Bytes)!["manifests"]!.AsArray())
        {
            var digest = item!["digest"]!.GetValue<string>();
            if (await registry.ManifestAsync(digest, cancellationToken) is not { } manifest) continue;
            var descriptor = Describe(manifest.Bytes, manifest.Type, (item["platform"] as JsonObject)?.DeepClone() as JsonObject ?? []);
            entries.Add(new ManifestEntry($"{name}@{digest}", descriptor, manifest.Bytes));
        }
        return entries;
    }

    private static async Task<ManifestEntry> OneAsync(RegistryClient registry, string reference, byte[] bytes, string type, CancellationToken cancellationToken)
    {
        var config = JsonNode.Parse(bytes)!["config"]?["digest"]?.GetValue<string>() ?? throw new CliException($"{reference} is not an image");
        var image = JsonNode.Parse(await registry.BlobAsync(config, cancellationToken))!;
        var platform = new JsonObject { ["architecture"] = image["architecture"]?.GetValue<string>(), ["os"] = image["os"]?.GetValue<string>() };
        if (image["os.version"]?.GetValue<string>() is { } version) platform["os.version"] = version;
        if (image["variant"]?.GetValue<string>() is { } variant) platform["variant"] = variant;
        return new ManifestEntry(reference, Describe(bytes, type, platform), bytes);
    }

    private static JsonObject Describe(byte[] bytes, string type, JsonObject platform) => new()
    {
        ["mediaType"] = type, ["digest"] = Wharf.Specs.Image.Digest.OfBytes(bytes).ToString(), ["size"] = bytes.Length, ["platform"] = platform,
    };

    public JsonObject ToJson() => new()
    {
        ["Ref"] = Reference, ["Descriptor"] = OrderedDescriptor(), ["Raw"] = Convert.ToBase64String(Raw), [IsOci ? "OCIManifest" : "SchemaV2Manifest"] = JsonNode.Parse(Raw),
    };

    private JsonObject OrderedDescriptor()
    {
        var descriptor = (JsonObject)Descriptor.DeepClone();
        descriptor["platform"] = Ordered(Platform);
        return descriptor;
    }

    public static ManifestEntry FromJson(JsonNode json) => new(json["Ref"]!.GetValue<string>(), (JsonObject)json["Descriptor"]!.DeepClone(), Convert.FromBase64String(json["Raw"]!.GetValue<string>()));

    /// <summary>The list as it is shown and pushed.</summary>
    public static byte[] WriteList(IReadOnlyList<ManifestEntry> entries)
    {
        var manifests = new JsonArray();
        foreach (var entry in entries)
            manifests.Add((JsonNode)new JsonObject { ["mediaType"] = entry.MediaType, ["size"] = entry.Descriptor["size"]!.DeepClone(), ["digest"] = entry.Digest, ["platform"] = Ordered(entry.Platform) });
        var list = new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = entries.Count > 0 && entries.All(entry => entry.IsOci) ? OciIndex : DockerList, ["manifests"] = manifests };
        return JsonSerializer.SerializeToUtf8Bytes(list, ManifestJson.Indented.JsonObject);
    }

    /// <summary>In the specification's order, whatever was set last: the list's digest depends on it.</summary>
    private static JsonObject Ordered(JsonObject platform)
    {
        var ordered = new JsonObject();
        foreach (var key in PlatformOrder)
            if (platform[key] is { } value) ordered[key] = value.DeepClone();
        return ordered;
    }

    public static string TypeOf(byte[] list) => JsonNode.Parse(list)!["mediaType"]!.GetValue<string>();
}
