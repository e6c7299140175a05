using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Errors;

namespace Wharf.Specs.Image;

/// <summary>A content digest, <c>algorithm:hex</c> (OCI image-spec, descriptor, "Digests"). sha256 and sha512 are registered.</summary>
[JsonConverter(typeof(DigestJsonConverter))]
public readonly record struct Digest : IComparable<Digest>
{
    private readonly string? _value;

    private Digest(string value) => _value = value;

    public bool IsEmpty => _value is null;
    public string Algorithm => _value is null ? "" : _value[.._value.IndexOf(':')];
    public string Hex => _value is null ? "" : _value[(_value.IndexOf(':') + 1)..];

    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        int hexLength = text switch
        {
            not null when text.StartsWith("sha256:", StringComparison.Ordinal) => 64,
            not null when text.StartsWith("sha512:", StringComparison.Ordinal) => 128,
            _ => -1,
        };
        if (hexLength < 0 || text!.Length != 7 + hexLength || text.AsSpan(7).ContainsAnyExcept("0123456789abcdef"))
            return false;
        digest = new Digest(text);
        return true;
    }

    public static Digest Parse(string text) =>
        TryParse(text, out var digest) ? digest : throw WharfException.Invalid($"invalid digest \"{text}\": expected sha256: or sha512: and lower-case hex");

    public static Digest FromSha256(ReadOnlySpan<byte> hash) => new("sha256:" + Convert.ToHexStringLower(hash));
    public static Digest FromSha512(ReadOnlySpan<byte> hash) => new("sha512:" + Convert.ToHexStringLower(hash));
    public static Digest OfBytes(ReadOnlySpan<byte> content) => FromSha256(SHA256.HashData(content));

    public int CompareTo(Digest other) => string.CompareOrdinal(_value, other._value);
    public override string ToString() => _value ?? "";
}

/// <summary>Digests travel as JSON strings; anything else is refused where it enters.</summary>
public sealed class DigestJsonConverter : JsonConverter<Digest>
{
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Digest.TryParse(reader.GetString(), out var digest) ? digest : throw new JsonException("invalid digest");

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
