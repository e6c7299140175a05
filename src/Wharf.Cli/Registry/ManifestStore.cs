using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Wharf.Specs.Image;

namespace Wharf.Cli.Registry;

/// <summary>Lists that are being put together: <c>manifests/LIST/IMAGE</c> beside config.json, as docker's client has them.</summary>
internal sealed class ManifestStore(ConfigFile config)
{
    private string Root => Path.Combine(config.Directory, "manifests");

    private string ListPath(ImageReference list) => Path.Combine(Root, FileName(list.ToString()));

    /// <summary>No slash of a name gets through, so it stays inside the directory.</summary>
    private static string FileName(string reference) => reference.Replace(':', '-').Replace('/', '_');

    public bool Exists(ImageReference list) => Directory.Exists(ListPath(list));

    public List<ManifestEntry> Read(ImageReference list) => !Exists(list) ? [] :
        [.. Directory.GetFiles(ListPath(list)).Order(StringComparer.Ordinal).Select(path => ManifestEntry.FromJson(JsonNode.Parse(File.ReadAllBytes(path))!))];

    public ManifestEntry? Find(ImageReference list, ImageReference image)
    {
        var path = Path.Combine(ListPath(list), FileName(image.ToString()));
        return File.Exists(path) ? ManifestEntry.FromJson(JsonNode.Parse(File.ReadAllBytes(path))!) : null;
    }

    public void Save(ImageReference list, ManifestEntry entry)
    {
        Directory.CreateDirectory(ListPath(list), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllBytes(Path.Combine(ListPath(list), FileName(entry.Reference)), JsonSerializer.SerializeToUtf8Bytes(entry.ToJson(), ManifestJson.Default.JsonObject));
    }

    public void Remove(ImageReference list) => Directory.Delete(ListPath(list), recursive: true);
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(JsonArray))]
internal sealed partial class ManifestJson : JsonSerializerContext
{
    /// <summary>Three blanks a level, as docker writes lists.</summary>
    public static ManifestJson Indented { get; } = new(new JsonSerializerOptions { WriteIndented = true, IndentSize = 3, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    /// <summary>A tab a level, as docker shows single manifests.</summary>
    public static ManifestJson Tabbed { get; } = new(new JsonSerializerOptions { WriteIndented = true, IndentCharacter = '\t', IndentSize = 1, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
