using System.Collections;
using System.Text.Json.Serialization.Metadata;

namespace Wharf.Daemon.Http;

/// <summary>Null in a list or as the value of a map: docker's decoder leaves the type's empty value there, an empty string or an object without fields.</summary>
internal static class NullElements
{
    /// <summary>Fills what is null below <paramref name="value"/>. Maps of lists and of end points keep theirs: there docker tells null from empty.</summary>
    public static void Fill(object value, JsonTypeInfo type)
    {
        switch (value)
        {
            case IDictionary map when type.ElementType is { } element:
                FillMap(map, type, element);
                return;
            case IList list when type.ElementType is { } element:
                for (int i = 0; i < list.Count; i++)
                    if (list[i] is { } item) Fill(item, Of(type, element));
                    else list[i] = Zero(type, element);
                return;
        }
        // A text, bytes, and whatever a converter of its own reads.
        if (type.Kind != JsonTypeInfoKind.Object) return;
        foreach (var property in type.Properties)
            if (property.Get?.Invoke(value) is { } inner and not (string or ValueType)) Fill(inner, Of(type, property.PropertyType));
    }

    private static void FillMap(IDictionary map, JsonTypeInfo type, Type element)
    {
        foreach (var key in map.Keys.Cast<object>().ToList())
            if (map[key] is { } item) Fill(item, Of(type, element));
            else if (element == typeof(string) || element == typeof(Specs.DockerApi.EmptyObject)) map[key] = Zero(type, element);
    }

    private static object? Zero(JsonTypeInfo type, Type element) => element == typeof(string) ? "" : Of(type, element).CreateObject?.Invoke();

    private static JsonTypeInfo Of(JsonTypeInfo type, Type other) => type.Options.GetTypeInfo(other);
}
