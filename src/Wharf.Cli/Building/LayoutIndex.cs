using System.Text.Json;
using System.Text.Json.Nodes;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Building;

/// <summary>The <c>index.json</c> of a directory of blobs (OCI image layout): which manifest has which name.</summary>
internal static class LayoutIndex
{
    private const string FileName = "index.json", NameKey = "org.opencontainers.image.ref.name", IndexType = "application/vnd.oci.image.index.v1+json";

    /// <summary>The digest that a tag names.</summary>
    public static string Find(string directory, string tag)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new CliException($"could not read {path}: no such file or directory");
        try
        {
            var manifests = JsonNode.Parse(File.ReadAllBytes(path))?["manifests"]?.AsArray() ?? [];
            var found = manifests.FirstOrDefault(entry => entry?["annotations"]?[NameKey]?.GetValue<string>() == tag) ?? (manifests.Count == 1 ? manifests[0] : null);
            return found?["digest"]?.GetValue<string>() ?? throw new CliException($"{path} names nothing \"{tag}\"");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CliException($"{path} is no index: {e.Message}", 1, e);
        }
    }

    /// <summary>Gives a manifest (a descriptor as JSON) a tag, which another may have had.</summary>
    public static void Put(string directory, string descriptor, string tag)
    {
        var path = Path.Combine(directory, FileName);
        Directory.CreateDirectory(directory);
        var index = File.Exists(path) ? JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? [] : [];
        var manifests = index["manifests"] as JsonArray ?? [];
        var put = JsonNode.Parse(descriptor)!.AsObject();
        if (put["annotations"] is not JsonObject annotations) put["annotations"] = annotations = [];
        annotations[NameKey] = tag;
        var kept = manifests.Where(entry => entry?["annotations"]?[NameKey]?.GetValue<string>() != tag).Select(static entry => entry!.DeepClone()).ToList();
        var all = new JsonArray();
        foreach (var entry in kept) all.Add(entry);
        all.Add((JsonNode)put);
        var written = new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = IndexType, ["manifests"] = all };
        File.WriteAllText(path, written.ToJsonString());
        File.WriteAllText(Path.Combine(directory, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
    }
}
