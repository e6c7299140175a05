using System.Text.Json;

namespace Wharf.Specs.Runtime;

/// <summary>
/// Reads a configuration from its JSON by hand. The serializer would do it too (<see cref="RuntimeJson"/>), but a program that lives for
/// milliseconds pays more for waking its metadata, some fifty types, than for all else it does: 4 ms against 0.1. Both give the same, which a test compares.
/// What is not known is passed over; a value of a wrong kind is told with its field, in the words of the other runtimes.
/// </summary>
public ref partial struct SpecJson
{
    private const int MostDepth = 32;

    private delegate T Item<T>(ref SpecJson json);

    private Utf8JsonReader _json;
    private readonly List<string> _path;

    private SpecJson(ReadOnlySpan<byte> utf8)
    {
        _json = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MostDepth });
        _path = [];
    }

    /// <summary>Null for the document <c>null</c>.</summary>
    public static Spec? ReadSpec(ReadOnlySpan<byte> utf8)
    {
        var json = new SpecJson(utf8);
        return json.Document(static (ref json) => json.Spec());
    }

    /// <summary>The process alone, as for an exec.</summary>
    public static Process? ReadProcess(ReadOnlySpan<byte> utf8)
    {
        var json = new SpecJson(utf8);
        return json.Document(static (ref json) => json.Process());
    }

    private T Document<T>(Item<T> read)
    {
        _json.Read();
        var value = read(ref this);
        _json.Read(); // what follows the document is an error
        return value;
    }

    /// <summary>Enters an object; false for null.</summary>
    private bool Begin(string type)
    {
        if (_json.TokenType == JsonTokenType.Null) return false;
        if (_json.TokenType != JsonTokenType.StartObject) throw Wrong(type);
        _path.Add("");
        return true;
    }

    /// <summary>Goes to the next property's value; false at the object's end.</summary>
    private bool Next(out string name)
    {
        name = "";
        _json.Read();
        if (_json.TokenType == JsonTokenType.EndObject)
        {
            _path.RemoveAt(_path.Count - 1);
            return false;
        }
        _path[^1] = name = _json.GetString()!;
        _json.Read();
        return true;
    }

    private void Other() => _json.Skip();

    private List<T>? List<T>(Item<T> read)
    {
        if (_json.TokenType == JsonTokenType.Null) return null;
        if (_json.TokenType != JsonTokenType.StartArray) throw Wrong("array");
        var list = new List<T>();
        while (_json.Read() && _json.TokenType != JsonTokenType.EndArray) list.Add(read(ref this));
        return list;
    }

    private Dictionary<string, T>? Map<T>(Item<T> read)
    {
        if (!Begin("map")) return null;
        var map = new Dictionary<string, T>();
        while (Next(out var name)) map[name] = read(ref this);
        return map;
    }

    private List<string>? Texts() => List(static (ref json) => json.Text() ?? "");

    private string? Text() => _json.TokenType switch
    {
        JsonTokenType.String => _json.GetString(),
        JsonTokenType.Null => null,
        _ => throw Wrong("string"),
    };

    private bool? Flag() => _json.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        JsonTokenType.Null => null,
        _ => throw Wrong("bool"),
    };

    private bool Null => _json.TokenType == JsonTokenType.Null;
    private bool IsNumber => _json.TokenType == JsonTokenType.Number;

    private uint? UInt32() => Null ? null : IsNumber && _json.TryGetUInt32(out uint value) ? value : throw Wrong("uint32");
    private ushort? UInt16() => Null ? null : IsNumber && _json.TryGetUInt16(out ushort value) ? value : throw Wrong("uint16");
    private int? Int32() => Null ? null : IsNumber && _json.TryGetInt32(out int value) ? value : throw Wrong("int");
    private long? Int64() => Null ? null : IsNumber && _json.TryGetInt64(out long value) ? value : throw Wrong("int64");
    private ulong? UInt64() => Null ? null : IsNumber && _json.TryGetUInt64(out ulong value) ? value : throw Wrong("uint64");

    private JsonException Wrong(string type)
    {
        var what = _json.TokenType switch
        {
            JsonTokenType.String => "string",
            JsonTokenType.True or JsonTokenType.False => "bool",
            JsonTokenType.StartArray => "array",
            JsonTokenType.StartObject => "object",
            _ => "number" + (type == "string" ? "" : " " + System.Text.Encoding.UTF8.GetString(_json.ValueSpan)),
        };
        return new JsonException($"json: cannot unmarshal {what} into Go struct field Spec.{string.Join('.', _path)} of type {type}");
    }
}
