using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>What a token lets its bearer do to one resource (distribution's token specification, "access").</summary>
public sealed record TokenAccess
{
    [JsonPropertyName("type")] public string Type { get; set; } = "";
    [JsonPropertyName("name")] public string Name { get; set; } = "";
    [JsonPropertyName("actions")] public IReadOnlyList<string> Actions { get; set; } = [];
}

/// <summary>The claims a registry reads (RFC 7519). Times are seconds since 1970.</summary>
public sealed record TokenClaims
{
    [JsonPropertyName("iss")] public string? Issuer { get; set; }
    [JsonPropertyName("sub")] public string? Subject { get; set; }
    [JsonPropertyName("aud")] public JsonElement? Audience { get; set; }
    [JsonPropertyName("exp")] public double? Expires { get; set; }
    [JsonPropertyName("nbf")] public double? NotBefore { get; set; }
    [JsonPropertyName("iat")] public double? IssuedAt { get; set; }
    [JsonPropertyName("jti")] public string? Id { get; set; }
    [JsonPropertyName("access")] public IReadOnlyList<TokenAccess>? Access { get; set; }
}

internal sealed record TokenHeader
{
    [JsonPropertyName("typ")] public string? Type { get; set; }
    [JsonPropertyName("alg")] public string Algorithm { get; set; } = "";
    [JsonPropertyName("kid")] public string? KeyId { get; set; }
    [JsonPropertyName("crit")] public JsonElement? Critical { get; set; }
}

/// <summary>Signed tokens in compact form (RFC 7515). Keys come from the configuration alone: what a token's header says of keys is never used but to pick one of them (CVE-2025-24976).</summary>
internal static class JsonWebToken
{
    private const int MaxLength = 64 << 10;
    private static readonly TimeSpan Leeway = TimeSpan.FromSeconds(60);

    public static string Sign(TokenClaims claims, ECDsa key, string keyId)
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(new TokenHeader { Type = "JWT", Algorithm = "ES256", KeyId = keyId }, TokenJson.Default.TokenHeader);
        var payload = JsonSerializer.SerializeToUtf8Bytes(claims, TokenJson.Default.TokenClaims);
        var signed = Base64Url.EncodeToString(header) + "." + Base64Url.EncodeToString(payload);
        return signed + "." + Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256));
    }

    /// <summary>The claims of a token that one of the keys signed and that is meant for this service now; else null and why.</summary>
    public static TokenClaims? Verify(string token, IReadOnlyList<TokenKey> keys, string issuer, string service, DateTimeOffset now, out string? problem, out bool unknownKey)
    {
        (problem, unknownKey) = (null, false);
        try
        {
            var parts = token.Split('.');
            if (token.Length > MaxLength || parts.Length != 3) return Refuse("malformed token", out problem);
            var header = JsonSerializer.Deserialize(Base64Url.DecodeFromChars(parts[0]), TokenJson.Default.TokenHeader)!;
            if (header.Critical is not null) return Refuse("the token demands extensions", out problem);
            var signed = Encoding.ASCII.GetBytes(token[..token.LastIndexOf('.')]);
            var signature = Base64Url.DecodeFromChars(parts[2]);
            var candidates = keys.Where(key => header.KeyId is null || key.Id is null || key.Id == header.KeyId).ToList();
            if (candidates.Count == 0)
            {
                unknownKey = true;
                return Refuse("the token is signed by an unknown key", out problem);
            }
            if (!candidates.Exists(key => key.Verify(header.Algorithm, signed, signature))) return Refuse("the token's signature is not valid", out problem);
            var claims = JsonSerializer.Deserialize(Base64Url.DecodeFromChars(parts[1]), TokenJson.Default.TokenClaims)!;
            if (claims.Issuer != issuer) return Refuse("the token is of another issuer", out problem);
            if (!IsFor(claims.Audience, service)) return Refuse("the token is for another service", out problem);
            if (claims.Expires is not { } expires || Time(expires) + Leeway < now) return Refuse("the token has expired", out problem);
            if (claims.NotBefore is { } begins && Time(begins) - Leeway > now) return Refuse("the token is not valid yet", out problem);
            return claims;
        }
        catch (Exception error) when (error is FormatException or JsonException or CryptographicException or ArgumentException)
        {
            return Refuse("malformed token", out problem);
        }
    }

    private static TokenClaims? Refuse(string why, out string? problem)
    {
        problem = why;
        return null;
    }

    private static DateTimeOffset Time(double seconds) => seconds is >= 0 and < 253402300799 ? DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000)) : DateTimeOffset.MinValue;

    private static bool IsFor(JsonElement? audience, string service) => audience switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString() == service,
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.String && item.GetString() == service),
        _ => false,
    };
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 16)]
[JsonSerializable(typeof(TokenHeader))]
[JsonSerializable(typeof(TokenClaims))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(KeySet))]
[JsonSerializable(typeof(string))]
internal sealed partial class TokenJson : JsonSerializerContext;
