using System.Text.Json;

namespace Wharf.SystemTests.Compat;

/// <summary>
/// Compares JSON with a type of the reference. As in docker's own answers, null may stand for any array, object or text that is
/// not there; a field the reference does not know is a violation.
/// </summary>
public sealed class SchemaValidator(SchemaReference reference)
{
    /// <summary>Fields docker sends though its schema does not name them: an event's, as clients before 1.22 knew them.</summary>
    private static readonly HashSet<string> Unlisted = ["status", "id", "from"];

    private readonly List<string> _violations = [];

    /// <summary>All that does not fit; empty when everything does.</summary>
    public IReadOnlyList<string> Check(JsonElement value, JsonElement schema)
    {
        _violations.Clear();
        Walk(value, schema, "$");
        return [.. _violations];
    }

    private void Walk(JsonElement value, JsonElement schema, string path)
    {
        if (schema.TryGetProperty("$ref", out var name))
        {
            Walk(value, reference.Definition(name.GetString()!), path);
            return;
        }
        if (value.ValueKind == JsonValueKind.Null) return;
        if (schema.TryGetProperty("type", out var type)) CheckType(value, type.GetString()!, path);
        if (schema.TryGetProperty("enum", out var allowed) && !allowed.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)))
            _violations.Add($"{path}: {value.GetRawText()} is not one of {allowed.GetRawText()}");
        if (value.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
            foreach (var (item, i) in value.EnumerateArray().Select((item, i) => (item, i))) Walk(item, items, $"{path}[{i}]");
        if (value.ValueKind == JsonValueKind.Object) WalkObject(value, schema, path);
    }

    private void WalkObject(JsonElement value, JsonElement schema, string path)
    {
        var properties = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var required = new List<string>();
        JsonElement? more = null;
        Collect(schema, properties, required, ref more);
        // A name that is required but nowhere described is a slip of the reference (ImageData's UnpackedSize, which docker does not send).
        foreach (var name in required.Where(properties.ContainsKey))
            if (!value.TryGetProperty(name, out _)) _violations.Add($"{path}.{name}: required and not there");
        foreach (var property in value.EnumerateObject())
        {
            if (properties.TryGetValue(property.Name, out var known)) Walk(property.Value, known, $"{path}.{property.Name}");
            else if (more is { ValueKind: JsonValueKind.Object } any) Walk(property.Value, any, $"{path}.{property.Name}");
            else if (properties.Count > 0 && more is null && !Unlisted.Contains(property.Name)) _violations.Add($"{path}.{property.Name}: not in the schema");
        }
    }

    private void Collect(JsonElement schema, Dictionary<string, JsonElement> properties, List<string> required, ref JsonElement? more)
    {
        if (schema.TryGetProperty("$ref", out var name))
        {
            Collect(reference.Definition(name.GetString()!), properties, required, ref more);
            return;
        }
        if (schema.TryGetProperty("allOf", out var parts))
            foreach (var part in parts.EnumerateArray()) Collect(part, properties, required, ref more);
        if (schema.TryGetProperty("properties", out var own))
            foreach (var property in own.EnumerateObject()) properties[property.Name] = property.Value;
        if (schema.TryGetProperty("required", out var names)) required.AddRange(names.EnumerateArray().Select(one => one.GetString()!));
        if (schema.TryGetProperty("additionalProperties", out var additional)) more = additional;
    }

    private void CheckType(JsonElement value, string type, string path)
    {
        bool fits = type switch
        {
            "string" => value.ValueKind == JsonValueKind.String,
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "integer" => value.ValueKind == JsonValueKind.Number && (value.TryGetInt64(out _) || value.TryGetUInt64(out _)),
            "number" => value.ValueKind == JsonValueKind.Number,
            "array" => value.ValueKind == JsonValueKind.Array,
            "object" => value.ValueKind == JsonValueKind.Object,
            _ => true,
        };
        if (!fits) _violations.Add($"{path}: {value.ValueKind} where the schema has {type}");
    }
}
