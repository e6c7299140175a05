using System.Buffers.Text;
using System.Formats.Cbor;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.Cose;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Wharf.Engine.Images.Signatures;

/// <summary>
/// What a signature envelope of the Notary Project says, in either of its forms (its specifications "Signature Envelope JWS" and "Signature Envelope COSE"). Of that nothing is
/// true yet: <see cref="IsSignedBy"/> tells whose words they are.
/// </summary>
internal sealed class NotationEnvelope
{
    public const string JwsMediaType = "application/jose+json", CoseMediaType = "application/cose";

    private const string Scheme = "io.cncf.notary.signingScheme", Expiry = "io.cncf.notary.expiry", AuthenticTime = "io.cncf.notary.authenticSigningTime";
    /// <summary>RFC 9360's label of certificates.</summary>
    private const int X5Chain = 33;
    private static readonly string[] _understood = [Scheme, Expiry, AuthenticTime];

    public required string? ContentType { get; init; }
    public required byte[] Payload { get; init; }
    public required string? SigningScheme { get; init; }
    public required DateTimeOffset? ExpiresAt { get; init; }
    public required DateTimeOffset? SignedAt { get; init; }
    /// <summary>The signer's certificate first, then those it is of. They come unsigned.</summary>
    public required X509Certificate2Collection Chain { get; init; }
    /// <summary>Whether the key of a certificate made the signature.</summary>
    public required Func<X509Certificate2, bool> IsSignedBy { get; init; }

    public static bool IsEnvelope(string? mediaType) => mediaType is JwsMediaType or CoseMediaType;

    /// <summary>Null for an envelope with a critical attribute that is not understood: it must not count (RFC 7515, RFC 9052).</summary>
    public static NotationEnvelope? Read(string mediaType, byte[] envelope) => mediaType == CoseMediaType ? ReadCose(envelope) : ReadJws(envelope);

    private static NotationEnvelope? ReadJws(byte[] envelope)
    {
        using var document = JsonDocument.Parse(envelope);
        var root = document.RootElement;
        var (protectedText, payloadText) = (root.GetProperty("protected").GetString()!, root.GetProperty("payload").GetString()!);
        using var parsed = JsonDocument.Parse(Base64Url.DecodeFromChars(protectedText));
        var header = parsed.RootElement;
        if (header.GetProperty("crit").EnumerateArray().Any(name => !_understood.Contains(name.GetString()))) return null;
        DateTimeOffset? TimeOf(string name) => header.TryGetProperty(name, out var text) ? DateTimeOffset.Parse(text.GetString()!, CultureInfo.InvariantCulture) : null;
        var (algorithm, signature) = (header.GetProperty("alg").GetString()!, Base64Url.DecodeFromChars(root.GetProperty("signature").GetString()!));
        return new NotationEnvelope
        {
            ContentType = header.GetProperty("cty").GetString(), Payload = Base64Url.DecodeFromChars(payloadText), SigningScheme = header.GetProperty(Scheme).GetString(),
            ExpiresAt = TimeOf(Expiry), SignedAt = TimeOf(AuthenticTime),
            Chain = [.. root.GetProperty("header").GetProperty("x5c").EnumerateArray().Select(der => X509CertificateLoader.LoadCertificate(Convert.FromBase64String(der.GetString()!)))],
            IsSignedBy = certificate => IsJwsSigned(certificate, algorithm, Encoding.ASCII.GetBytes(protectedText + "." + payloadText), signature),
        };
    }

    private static bool IsJwsSigned(X509Certificate2 certificate, string algorithm, byte[] signed, byte[] signature)
    {
        var hash = algorithm[2..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, "512" => HashAlgorithmName.SHA512, _ => throw new FormatException("an algorithm of another kind") };
        return IsSigned(certificate, algorithm[..2], rsa => rsa.VerifyData(signed, signature, hash, RSASignaturePadding.Pss), ec => ec.VerifyData(signed, signature, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    /// <summary>RSA with PSS and keys that are long enough, or ECDSA: the Notary Project takes no others.</summary>
    private static bool IsSigned(X509Certificate2 certificate, string family, Func<RSA, bool> byRsa, Func<ECDsa, bool> byEc)
    {
        using var rsa = certificate.GetRSAPublicKey();
        if (rsa is not null) return family == "PS" && rsa.KeySize >= 2048 && byRsa(rsa);
        using var ec = certificate.GetECDsaPublicKey();
        return ec is not null && family == "ES" && byEc(ec);
    }

    private static NotationEnvelope? ReadCose(byte[] envelope)
    {
        var message = CoseMessage.DecodeSign1(envelope);
        var header = message.ProtectedHeaders;
        if (message.Content is not { } content) return null;
        if (header.TryGetValue(CoseHeaderLabel.CriticalHeaders, out var critical) && !AreUnderstood(critical.EncodedValue)) return null;
        DateTimeOffset? TimeOf(string name) => header.TryGetValue(new CoseHeaderLabel(name), out var time) ? new CborReader(time.EncodedValue).ReadUnixTimeSeconds() : null;
        // RFC 9053: ES256, ES384, ES512 and PS256, PS384, PS512.
        var family = header[CoseHeaderLabel.Algorithm].GetValueAsInt32() switch { -7 or -35 or -36 => "ES", -37 or -38 or -39 => "PS", _ => "" };
        return new NotationEnvelope
        {
            ContentType = header[CoseHeaderLabel.ContentType].GetValueAsString(), Payload = content.ToArray(), SigningScheme = header[new CoseHeaderLabel(Scheme)].GetValueAsString(),
            ExpiresAt = TimeOf(Expiry), SignedAt = TimeOf(AuthenticTime), Chain = ChainOf(message.UnprotectedHeaders[new CoseHeaderLabel(X5Chain)].EncodedValue),
            IsSignedBy = certificate => IsSigned(certificate, family, rsa => message.VerifyEmbedded(rsa), ec => message.VerifyEmbedded(ec)),
        };
    }

    private static bool AreUnderstood(ReadOnlyMemory<byte> encoded)
    {
        var labels = new CborReader(encoded);
        labels.ReadStartArray();
        while (labels.PeekState() != CborReaderState.EndArray)
            if (labels.PeekState() != CborReaderState.TextString || !_understood.Contains(labels.ReadTextString())) return false;
        return true;
    }

    /// <summary>One certificate, or an array of them.</summary>
    private static X509Certificate2Collection ChainOf(ReadOnlyMemory<byte> encoded)
    {
        var reader = new CborReader(encoded);
        var chain = new X509Certificate2Collection();
        bool isArray = reader.PeekState() == CborReaderState.StartArray;
        if (isArray) reader.ReadStartArray();
        do chain.Add(X509CertificateLoader.LoadCertificate(reader.ReadByteString()));
        while (isArray && reader.PeekState() != CborReaderState.EndArray);
        return chain;
    }
}
