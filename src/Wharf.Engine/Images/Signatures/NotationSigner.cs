using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Signatures;

/// <summary>
/// Signatures that Notation makes (Notary Project, "Signature Envelope JWS"): a payload that names the manifest, signed by a certificate that comes with it. The certificate must
/// be good now, or with the scheme of a signing authority when that says it signed: timestamps of others are not looked at.
/// </summary>
/// <param name="roots">The authorities the signing certificates are of.</param>
/// <param name="subject">Parts that the certificate's subject must have, <c>CN=release,O=Example</c>; null for any.</param>
public sealed class NotationSigner(X509Certificate2Collection roots, string? subject)
{
    public const string EnvelopeMediaType = "application/jose+json";
    private const string PayloadType = "application/vnd.cncf.notary.payload.v1+json", Scheme = "io.cncf.notary.signingScheme", Expiry = "io.cncf.notary.expiry", AuthenticTime = "io.cncf.notary.authenticSigningTime";

    private static readonly string[] _understood = [Scheme, Expiry, AuthenticTime];
    private readonly string[] _subject = subject is null ? [] : PartsOf(new X500DistinguishedName(subject));

    /// <summary>Who signed, and until when that holds; null when it is nobody who counts.</summary>
    public VerifiedSignature? Verify(byte[] envelope, Digest manifest, DateTimeOffset now) => Certificates.Guarded(() => Read(envelope, manifest, now));

    private VerifiedSignature? Read(byte[] envelope, Digest manifest, DateTimeOffset now)
    {
        using var document = JsonDocument.Parse(envelope);
        var root = document.RootElement;
        var (protectedText, payloadText) = (root.GetProperty("protected").GetString()!, root.GetProperty("payload").GetString()!);
        using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(protectedText));
        using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(payloadText));
        if (header.RootElement.GetProperty("cty").GetString() != PayloadType || payload.RootElement.GetProperty("targetArtifact").GetProperty("digest").GetString() != manifest.ToString()) return null;
        // RFC 7515: what is critical and not understood makes it no good.
        if (header.RootElement.GetProperty("crit").EnumerateArray().Any(name => !_understood.Contains(name.GetString()))) return null;
        var until = TimeOf(header.RootElement, Expiry) ?? DateTimeOffset.MaxValue;
        if (until < now) return null;
        bool isAuthority = header.RootElement.GetProperty(Scheme).GetString() == "notary.x509.signingAuthority";
        if (!isAuthority && header.RootElement.GetProperty(Scheme).GetString() != "notary.x509") return null;
        var certificates = new X509Certificate2Collection();
        foreach (var der in root.GetProperty("header").GetProperty("x5c").EnumerateArray()) certificates.Add(X509CertificateLoader.LoadCertificate(Convert.FromBase64String(der.GetString()!)));
        var leaf = certificates[0];
        if (!IsSigned(leaf, header.RootElement.GetProperty("alg").GetString()!, Encoding.ASCII.GetBytes(protectedText + "." + payloadText), Base64Url.DecodeFromChars(root.GetProperty("signature").GetString()!))) return null;
        var at = isAuthority ? TimeOf(header.RootElement, AuthenticTime) : now;
        if (at is null || !Certificates.IsOf(leaf, certificates, roots, at.Value) || _subject.Except(PartsOf(leaf.SubjectName)).Any()) return null;
        var end = new DateTimeOffset(leaf.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        return new VerifiedSignature(leaf.Subject, null, !isAuthority && end < until ? end : until);
    }

    private static DateTimeOffset? TimeOf(JsonElement header, string name) => header.TryGetProperty(name, out var text) ? DateTimeOffset.Parse(text.GetString()!, CultureInfo.InvariantCulture) : null;

    private static bool IsSigned(X509Certificate2 leaf, string algorithm, byte[] signed, byte[] signature)
    {
        var hash = algorithm[2..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, "512" => HashAlgorithmName.SHA512, _ => throw new FormatException("an algorithm of another kind") };
        using var rsa = leaf.GetRSAPublicKey();
        if (rsa is not null) return algorithm.StartsWith("PS", StringComparison.Ordinal) && rsa.KeySize >= 2048 && rsa.VerifyData(signed, signature, hash, RSASignaturePadding.Pss);
        using var ec = leaf.GetECDsaPublicKey();
        return ec is not null && algorithm.StartsWith("ES", StringComparison.Ordinal) && ec.VerifyData(signed, signature, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private static string[] PartsOf(X500DistinguishedName name) => [.. name.EnumerateRelativeDistinguishedNames().Where(static part => !part.HasMultipleElements).Select(static part => $"{part.GetSingleElementType().Value}={part.GetSingleElementValue()}")];
}
