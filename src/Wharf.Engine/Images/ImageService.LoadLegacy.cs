using System.Buffers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// Loading archives of docker before 1.10: <c>repositories</c> names the uppermost layer of each tag, and each layer is a directory with a
/// <c>json</c> that names its parent. The image's configuration is made of the uppermost layer's, byte for byte as dockerd makes it.
/// </summary>
public sealed partial class ImageService
{
    /// <summary>What a layer's document has of its own, and an image's configuration has not.</summary>
    private static readonly HashSet<string> LegacyMembers = new(StringComparer.Ordinal) { "id", "parent", "Size", "parent_id", "layer_id", "throwaway", "rootfs", "history" };

    private async Task LoadLegacyAsync(Loading loading, CancellationToken cancellation)
    {
        using var repositories = await LegacyDocumentAsync(loading, "repositories", cancellation);
        var images = new Dictionary<string, ImageRecord?>(StringComparer.Ordinal);
        foreach (var repository in repositories.RootElement.EnumerateObject())
            foreach (var tag in Members(repository.Value, "repositories"))
            {
                var name = ImageReference.FromParts(repository.Name, tag.Name)!;
                var id = tag.Value.ValueKind == JsonValueKind.String ? tag.Value.GetString()! : throw WharfException.Invalid("repositories in the archive is not valid");
                if (!images.TryGetValue(id, out var image)) images[id] = image = await LoadLegacyImageAsync(loading, id, cancellation);
                if (image is not null) loading.Loaded.Add(new LoadedImage(image, [name.Familiar]));
            }
        if (loading.Loaded.Count == 0 && loading.Options.Platforms.Count > 0) throw NoPlatform(loading.Options.Platforms);
    }

    private async Task<ImageRecord?> LoadLegacyImageAsync(Loading loading, string id, CancellationToken cancellation)
    {
        var chain = new List<(string Id, JsonDocument Json)>();
        try
        {
            for (string? next = id; next is { Length: > 0 };)
            {
                if (chain.Count > _options.Limits.MaxLayers) throw WharfException.Invalid("max depth exceeded");
                var json = await LegacyDocumentAsync(loading, next + "/json", cancellation);
                chain.Insert(0, (next, json));
                next = Text(json.RootElement, "parent");
            }
            var layers = new List<(string Path, Digest? Blob)>();
            var diffIds = new List<Digest>();
            foreach (var (layer, _) in chain)
            {
                var path = loading.Members.PathOf(layer + "/layer.tar");
                await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, BufferSize = 0, Options = FileOptions.SequentialScan });
                await using var tar = await Compression.OpenAsync(file, _options.Limits.MaxDecompressionRatio, cancellation);
                diffIds.Add(Digest.FromSha256(await SHA256.HashDataAsync(tar, cancellation)));
                layers.Add((path, null));
            }
            return await LoadOneAsync(loading, LegacyConfig(chain.ConvertAll(static layer => layer.Json.RootElement), diffIds), layers, cancellation);
        }
        finally { foreach (var (_, json) in chain) json.Dispose(); }
    }

    /// <summary>The uppermost layer's document without what is a layer's alone, with the layers and their history, in the order of its names.</summary>
    private static byte[] LegacyConfig(List<JsonElement> layers, List<Digest> diffIds)
    {
        var members = layers[^1].EnumerateObject().Where(static member => !LegacyMembers.Contains(member.Name)).ToDictionary(static member => member.Name, static member => member.Value.GetRawText(), StringComparer.Ordinal);
        members["rootfs"] = Json(writer =>
        {
            writer.WriteString("type", "layers");
            writer.WriteStartArray("diff_ids");
            foreach (var diffId in diffIds) writer.WriteStringValue(diffId.ToString());
            writer.WriteEndArray();
        });
        members["history"] = "[" + string.Join(',', layers.Select(static layer => Json(writer =>
        {
            foreach (var (name, value) in ((string, string?)[])[("created", Text(layer, "created")), ("created_by", CreatedBy(layer)), ("author", Text(layer, "author")), ("comment", Text(layer, "comment"))])
                if (value is { Length: > 0 }) writer.WriteString(name, value);
        }))) + "]";
        return System.Text.Encoding.UTF8.GetBytes(Compact("{" + string.Join(',', members.OrderBy(static member => member.Key, StringComparer.Ordinal).Select(static member => $"\"{JsonEncodedText.Encode(member.Key, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\":{member.Value}")) + "}"));
    }

    /// <summary>JSON without white space, with the escapes that Go writes: on these bytes the image's ID depends.</summary>
    private static string Compact(string json)
    {
        var text = new System.Text.StringBuilder(json.Length);
        bool inString = false, isEscaped = false;
        foreach (var c in json)
        {
            if (!inString && c is ' ' or '\t' or '\n' or '\r') continue;
            if (c is '<' or '>' or '&' or '\u2028' or '\u2029') text.Append("\\u").Append(((int)c).ToString("x4", System.Globalization.CultureInfo.InvariantCulture));
            else text.Append(c);
            if (c == '"' && !isEscaped) inString = !inString;
            isEscaped = inString && c == '\\' && !isEscaped;
        }
        return text.ToString();
    }

    private static string Json(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string? CreatedBy(JsonElement layer) =>
        layer.TryGetProperty("container_config", out var config) && config.ValueKind == JsonValueKind.Object && config.TryGetProperty("Cmd", out var command) && command.ValueKind == JsonValueKind.Array
            ? string.Join(' ', command.EnumerateArray().Where(static word => word.ValueKind == JsonValueKind.String).Select(static word => word.GetString())) : null;

    private static string? Text(JsonElement layer, string name) => layer.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static JsonElement.ObjectEnumerator Members(JsonElement element, string document) =>
        element.ValueKind == JsonValueKind.Object ? element.EnumerateObject() : throw WharfException.Invalid($"{document} in the archive is not valid");

    private static async Task<JsonDocument> LegacyDocumentAsync(Loading loading, string name, CancellationToken cancellation)
    {
        try
        {
            var document = JsonDocument.Parse(await loading.Members.BytesAsync(name, cancellation), new JsonDocumentOptions { MaxDepth = 64 });
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
        }
        catch (JsonException error) { throw WharfException.Invalid($"{name} in the archive is not valid JSON", error); }
        throw WharfException.Invalid($"{name} in the archive is not valid");
    }
}
