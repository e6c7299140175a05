using System.Text;
using System.Text.Json;

namespace Wharf.Cli.ApiClient;

/// <summary>The query string of a request; values that are not set are left out.</summary>
internal sealed class Query
{
    private readonly StringBuilder text = new();

    public Query Add(string name, string? value)
    {
        if (string.IsNullOrEmpty(value)) return this;
        text.Append(text.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        return this;
    }

    public Query Add(string name, bool value) => value ? Add(name, "1") : this;
    public Query Add(string name, long? value) => value is { } number ? Add(name, number.ToString(System.Globalization.CultureInfo.InvariantCulture)) : this;

    public Query AddAll(string name, IEnumerable<string> values)
    {
        foreach (var value in values) Add(name, value);
        return this;
    }

    /// <summary>Filters as <c>{"name":{"value":true}}</c> from <c>name=value</c> pairs.</summary>
    public Query AddFilters(IReadOnlyList<string> filters) => filters.All(filter => filter == "") ? this : Add("filters", Json.Write(json =>
    {
        json.WriteStartObject();
        foreach (var group in filters.Where(filter => filter != "").Select(CommandLine.KeyValue.Split).GroupBy(pair => pair.Key.Trim().ToLowerInvariant()))
        {
            json.WriteStartObject(group.Key);
            foreach (var value in group.Select(pair => pair.Value.Trim()).Distinct()) json.WriteBoolean(value, true);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }));

    public override string ToString() => text.ToString();
}

/// <summary>Small JSON texts written by hand.</summary>
internal static class Json
{
    public static string Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer)) write(json);
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    public static string WriteMap(IEnumerable<KeyValuePair<string, string?>> map) => Write(json =>
    {
        json.WriteStartObject();
        foreach (var (key, value) in map)
        {
            if (value is null) json.WriteNull(key);
            else json.WriteString(key, value);
        }
        json.WriteEndObject();
    });

    public static string WriteList(IEnumerable<string> list) => Write(json =>
    {
        json.WriteStartArray();
        foreach (var item in list) json.WriteStringValue(item);
        json.WriteEndArray();
    });
}
