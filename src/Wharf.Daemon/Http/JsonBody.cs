using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Http;

/// <summary>JSON on its way in. What is wrong with it is told in the words Go's decoder uses, since clients show and search them.</summary>
public static class JsonBody
{
    /// <summary>Parses one value with nothing but white space after it. <c>null</c> is the type's empty object.</summary>
    public static T Parse<T>(ReadOnlySpan<byte> bytes, JsonTypeInfo<T> type) where T : class
    {
        if (bytes.Trim(" \t\r\n"u8).IsEmpty) throw Empty();
        // Several values are allowed to the reader so that what follows the first is ours to complain of.
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { AllowMultipleValues = true });
        T? value;
        try
        {
            value = JsonSerializer.Deserialize(ref reader, type);
        }
        catch (JsonException error)
        {
            if (JsonText.Mend(bytes) is { } mended) return Parse(mended, type);
            throw WharfException.Invalid($"invalid JSON: {Describe(bytes, error, GoTypes.Of(typeof(T).Name))}", error);
        }
        if (!bytes[(int)reader.BytesConsumed..].Trim(" \t\r\n"u8).IsEmpty) throw WharfException.Invalid("unexpected content after JSON");
        if (value is not null) NullElements.Fill(value, type);
        return value ?? type.CreateObject?.Invoke() ?? throw Empty();
    }

    public static WharfException Empty() => WharfException.Invalid("invalid JSON: got EOF while reading request body");

    /// <summary>What is wrong with a value that could not be read.</summary>
    internal static string Describe(ReadOnlySpan<byte> bytes, JsonException error, string root)
    {
        try
        {
            // A number at the very end could go on, if there were more.
            var syntax = new Utf8JsonReader((byte[])[.. bytes, (byte)' '], isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { AllowMultipleValues = true }));
            if (!syntax.Read() || !syntax.TrySkip()) return "unexpected EOF";
        }
        catch (JsonException wrong)
        {
            return DescribeSyntax(bytes, wrong);
        }
        return DescribeType(bytes, error, root);
    }

    private static string DescribeSyntax(ReadOnlySpan<byte> bytes, JsonException error)
    {
        int at = Offset(bytes, error.LineNumber ?? 0, error.BytePositionInLine ?? 0);
        if (at >= bytes.Length) return "unexpected EOF";
        var text = error.Message;
        Rune.DecodeFromUtf8(bytes[at..], out var character, out _);
        var found = bytes[at] is (byte)'\'' or (byte)'\\' ? $"'\\{character}'" : Rune.GetUnicodeCategory(character) is System.Globalization.UnicodeCategory.Format ? $"'\\u{character.Value:x4}'" : $"'{character}'";
        return text switch
        {
            _ when text.Contains("property name", StringComparison.Ordinal) || text.Contains("trailing comma", StringComparison.Ordinal) => $"invalid character {found} looking for beginning of object key string",
            _ when text.Contains("after a property name", StringComparison.Ordinal) || text.Contains("Expected ':'", StringComparison.Ordinal) => $"invalid character {found} after object key",
            _ when text.Contains("Expected either ','", StringComparison.Ordinal) => $"invalid character {found} after object key:value pair",
            _ => $"invalid character {found} looking for beginning of value",
        };
    }

    private static int Offset(ReadOnlySpan<byte> bytes, long line, long column)
    {
        int start = 0;
        for (; line > 0; line--)
        {
            int newline = bytes[start..].IndexOf((byte)'\n');
            if (newline < 0) break;
            start += newline + 1;
        }
        return (int)Math.Min(start + column, bytes.Length);
    }

    private static string DescribeType(ReadOnlySpan<byte> bytes, JsonException error, string root)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { AllowMultipleValues = true });
        using var document = JsonDocument.ParseValue(ref reader);
        var path = Segments(error.Path ?? "$");
        var element = document.RootElement;
        foreach (var segment in path)
        {
            if (element.ValueKind == JsonValueKind.Array && int.TryParse(segment, out int index) && index < element.GetArrayLength()) element = element[index];
            else if (element.ValueKind == JsonValueKind.Object && element.EnumerateObject().FirstOrDefault(property => property.Name.Equals(segment, StringComparison.OrdinalIgnoreCase)) is { Value.ValueKind: not JsonValueKind.Undefined } property) element = property.Value;
            else break;
        }
        var type = GoTypes.Wanted(error.Message);
        var kind = element.ValueKind switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.Number when type.Contains("int", StringComparison.Ordinal) || type.StartsWith("float", StringComparison.Ordinal) => $"number {element.GetRawText()}",
            JsonValueKind.Number => "number",
            JsonValueKind.True or JsonValueKind.False => "bool",
            JsonValueKind.Array => "array",
            _ => "object",
        };
        return path.Count == 0 ? $"json: cannot unmarshal {kind} into Go value of type {type}" : $"json: cannot unmarshal {kind} into Go struct field {GoTypes.Struct(root)}.{string.Join('.', path)} of type {type}";
    }

    /// <summary>The parts of a path as System.Text.Json writes it: <c>$.HostConfig.Mounts[0]['a.b']</c>.</summary>
    private static List<string> Segments(string path)
    {
        var segments = new List<string>();
        int at = 1;
        while (at < path.Length)
        {
            if (path[at] == '.')
            {
                int end = path.AsSpan(at + 1).IndexOfAny('.', '[') is >= 0 and var found ? at + 1 + found : path.Length;
                segments.Add(path[(at + 1)..end]);
                at = end;
                continue;
            }
            bool quoted = at + 1 < path.Length && path[at + 1] == '\'';
            int close = quoted ? path.IndexOf("']", at, StringComparison.Ordinal) : path.IndexOf(']', at);
            if (close < 0) break;
            segments.Add(quoted ? path[(at + 2)..close] : path[(at + 1)..close]);
            at = close + (quoted ? 2 : 1);
        }
        return segments;
    }

    /// <summary>The header must say JSON when there is a body.</summary>
    public static void CheckContentType(string? header)
    {
        var media = (header ?? "").Split(';')[0].Trim();
        if (media.Length == 0) throw WharfException.Invalid($"malformed Content-Type header ({header}): mime: no media type");
        if (!media.Equals("application/json", StringComparison.OrdinalIgnoreCase))
            throw WharfException.Invalid($"unsupported Content-Type header ({header}): must be 'application/json'");
    }

    /// <summary>The text of a parameter that holds JSON (build arguments, platforms).</summary>
    public static T ParseText<T>(string text, JsonTypeInfo<T> type) where T : class => Parse(Encoding.UTF8.GetBytes(text), type);
}
