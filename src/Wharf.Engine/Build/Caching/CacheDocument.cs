using System.Globalization;
using System.Text.Json;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Caching;

/// <summary>One step of an exported cache: its key and its layer.</summary>
internal sealed record CachedLayer(string Key, Digest DiffId, Descriptor Blob, DateTimeOffset CreatedAt);

/// <summary>
/// The document that says which layer is which step's result, in the form that BuildKit gave it, so that registries and tools see what they know. The
/// keys are Wharf's own: a cache that BuildKit wrote is read without harm and without use.
/// </summary>
internal static class CacheDocument
{
    public const string MediaType = "application/vnd.buildkit.cacheconfig.v0";
    private const int MaxRecords = 100_000, KeyLength = 64;

    public static byte[] Write(IReadOnlyList<CachedLayer> steps)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteStartArray("layers");
            foreach (var step in steps)
            {
                json.WriteStartObject();
                json.WriteString("blob", step.Blob.Digest.ToString());
                json.WriteNumber("parent", -1);
                json.WriteStartObject("annotations");
                json.WriteString("mediaType", step.Blob.MediaType);
                json.WriteString("diffID", step.DiffId.ToString());
                json.WriteNumber("size", step.Blob.Size);
                json.WriteString("createdAt", Time(step.CreatedAt));
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartArray("records");
            for (int i = 0; i < steps.Count; i++)
            {
                json.WriteStartObject();
                json.WriteString("digest", "sha256:" + steps[i].Key);
                json.WriteStartArray("layers");
                json.WriteStartObject();
                json.WriteNumber("layer", i);
                json.WriteString("createdAt", Time(steps[i].CreatedAt));
                json.WriteEndObject();
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return bytes.ToArray();
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture);

    /// <summary>Reads what strangers may have written: what does not fit is passed over, what is no such document is InvalidArgument.</summary>
    public static List<CachedLayer> Read(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var layers = new List<(Digest DiffId, Descriptor Blob)?>();
            foreach (var layer in Items(document.RootElement, "layers")) layers.Add(Layer(layer));
            var steps = new List<CachedLayer>();
            foreach (var record in Items(document.RootElement, "records"))
            {
                if (Text(record, "digest") is not { } key || !key.StartsWith("sha256:", StringComparison.Ordinal) || key.Length != "sha256:".Length + KeyLength) continue;
                foreach (var result in Items(record, "layers"))
                {
                    if (!result.TryGetProperty("layer", out var number) || !number.TryGetInt32(out int index) || index < 0 || index >= layers.Count || layers[index] is not var (diffId, blob)) continue;
                    steps.Add(new CachedLayer(key["sha256:".Length..], diffId, blob, DateTimeOffset.TryParse(Text(result, "createdAt"), CultureInfo.InvariantCulture, out var time) ? time : DateTimeOffset.UnixEpoch));
                    break;
                }
                if (steps.Count > MaxRecords) throw WharfException.Invalid($"the cache has more than {MaxRecords} steps");
            }
            return steps;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw WharfException.Invalid($"the cache's document is not valid: {error.Message}", error);
        }
    }

    private static (Digest, Descriptor)? Layer(JsonElement layer)
    {
        if (layer.ValueKind != JsonValueKind.Object || !layer.TryGetProperty("annotations", out var about) || about.ValueKind != JsonValueKind.Object) return null;
        if (!Digest.TryParse(Text(layer, "blob"), out var blob) || !Digest.TryParse(Text(about, "diffID"), out var diffId)) return null;
        if (!about.TryGetProperty("size", out var size) || !size.TryGetInt64(out long bytes) || bytes < 0) return null;
        return (diffId, new Descriptor { MediaType = Text(about, "mediaType") ?? MediaTypes.OciLayerGzip, Digest = blob, Size = bytes });
    }

    private static IEnumerable<JsonElement> Items(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [];

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
