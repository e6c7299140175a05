using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>A public key tokens may be signed with. The algorithm must be one of the key's own kind: none and the symmetric ones never are.</summary>
internal sealed class TokenKey(string? id, AsymmetricAlgorithm key)
{
    public string? Id { get; } = id;

    public bool Verify(string algorithm, byte[] data, byte[] signature) => (key, algorithm) switch
    {
        (RSA rsa, "RS256") => rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        (RSA rsa, "RS384") => rsa.VerifyData(data, signature, HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1),
        (RSA rsa, "RS512") => rsa.VerifyData(data, signature, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
        (RSA rsa, "PS256") => rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
        (ECDsa { KeySize: 256 } ec, "ES256") => ec.VerifyData(data, signature, HashAlgorithmName.SHA256),
        (ECDsa { KeySize: 384 } ec, "ES384") => ec.VerifyData(data, signature, HashAlgorithmName.SHA384),
        (ECDsa { KeySize: 521 } ec, "ES512") => ec.VerifyData(data, signature, HashAlgorithmName.SHA512),
        _ => false,
    };

    /// <summary>The keys of a JWKS document (RFC 7517); those of other kinds and uses are passed over.</summary>
    public static List<TokenKey> FromJwks(byte[] json)
    {
        try
        {
            return [.. (JsonSerializer.Deserialize(json, TokenJson.Default.KeySet)?.Keys ?? []).Where(key => key.Use is null or "sig").Select(FromJwk).OfType<TokenKey>()];
        }
        catch (Exception error) when (error is JsonException or FormatException or CryptographicException) { throw WharfException.Invalid($"not a JWKS document: {error.Message}", error); }
    }

    private static TokenKey? FromJwk(WebKey key) => key switch
    {
        { Type: "RSA", Modulus: { } n, Exponent: { } e } => new TokenKey(key.Id, RSA.Create(new RSAParameters { Modulus = Base64Url.DecodeFromChars(n), Exponent = Base64Url.DecodeFromChars(e) })),
        { Type: "EC", Curve: "P-256" or "P-384" or "P-521", X: { } x, Y: { } y } => new TokenKey(key.Id, ECDsa.Create(new ECParameters
        {
            Curve = key.Curve switch { "P-256" => ECCurve.NamedCurves.nistP256, "P-384" => ECCurve.NamedCurves.nistP384, _ => ECCurve.NamedCurves.nistP521 },
            Q = new ECPoint { X = Base64Url.DecodeFromChars(x), Y = Base64Url.DecodeFromChars(y) },
        })),
        _ => null,
    };

    /// <summary>The keys of PEM certificates, for tokens of services that are known by one. Any key ID a token gives fits them.</summary>
    public static List<TokenKey> FromCertificates(string path)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPemFile(path);
        return [.. certificates.Select(certificate => (AsymmetricAlgorithm?)certificate.GetRSAPublicKey() ?? certificate.GetECDsaPublicKey()).OfType<AsymmetricAlgorithm>().Select(key => new TokenKey(null, key))];
    }
}

internal sealed record KeySet
{
    [JsonPropertyName("keys")] public IReadOnlyList<WebKey> Keys { get; set; } = [];
}

internal sealed record WebKey
{
    [JsonPropertyName("kty")] public string Type { get; set; } = "";
    [JsonPropertyName("kid")] public string? Id { get; set; }
    [JsonPropertyName("use")] public string? Use { get; set; }
    [JsonPropertyName("alg")] public string? Algorithm { get; set; }
    [JsonPropertyName("crv")] public string? Curve { get; set; }
    [JsonPropertyName("n")] public string? Modulus { get; set; }
    [JsonPropertyName("e")] public string? Exponent { get; set; }
    [JsonPropertyName("x")] public string? X { get; set; }
    [JsonPropertyName("y")] public string? Y { get; set; }
}
