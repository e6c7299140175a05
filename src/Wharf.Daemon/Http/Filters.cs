using System.Text.Json;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>The <c>filters</c> query parameter: keys with a set of values each.</summary>
public sealed class Filters
{
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, List<string>> All => _values;
    public bool Has(string key) => _values.ContainsKey(key);
    public IReadOnlyList<string> Get(string key) => _values.TryGetValue(key, out var values) ? values : [];

    /// <summary>Refuses keys other than <paramref name="known"/>, with docker's words.</summary>
    public Filters Accept(params ReadOnlySpan<string> known)
    {
        foreach (var key in _values.Keys)
            if (!known.Contains(key)) throw WharfException.Invalid($"invalid filter '{key}'");
        return this;
    }

    public static Filters Parse(string? json)
    {
        var filters = new Filters();
        if (string.IsNullOrEmpty(json)) return filters;
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8 });
            if (document.RootElement.ValueKind == JsonValueKind.Null) return filters;
            foreach (var property in document.RootElement.EnumerateObject())
            {
                filters._values[property.Name] = property.Value.ValueKind switch
                {
                    JsonValueKind.Null => [],
                    JsonValueKind.Array => [.. property.Value.EnumerateArray().Select(value => value.GetString() ?? "")],
                    // The older form: what is said of a value (true, false) has never counted, but must be that.
                    _ => [.. property.Value.EnumerateObject().Select(value => value.Value.ValueKind is JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null ? value.Name : throw new JsonException())],
                };
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw WharfException.Invalid("invalid filter", error);
        }
        return filters;
    }
}
