using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Signatures;

/// <summary>
/// Signatures that Notation makes (Notary Project): a payload that names the manifest, signed by a certificate that comes with it. The certificate must
/// be good now, or with the scheme of a signing authority when that says it signed: timestamps of others are not looked at.
/// </summary>
/// <param name="roots">The authorities the signing certificates are of.</param>
/// <param name="subject">Parts that the certificate's subject must have, <c>CN=release,O=Example</c>; null for any.</param>
public sealed class NotationSigner(X509Certificate2Collection roots, string? subject)
{
    private const string PayloadType = "application/vnd.cncf.notary.payload.v1+json";

    private readonly string[] _subject = subject is null ? [] : PartsOf(new X500DistinguishedName(subject));

    /// <summary>Who signed, and until when that holds; null when it is nobody who counts.</summary>
    public VerifiedSignature? Verify(string mediaType, byte[] envelope, Digest manifest, DateTimeOffset now) => Certificates.Guarded(() => Read(mediaType, envelope, manifest, now));

    private VerifiedSignature? Read(string mediaType, byte[] bytes, Digest manifest, DateTimeOffset now)
    {
        if (NotationEnvelope.Read(mediaType, bytes) is not { ContentType: PayloadType } envelope) return null;
        using var payload = JsonDocument.Parse(envelope.Payload);
        if (payload.RootElement.GetProperty("targetArtifact").GetProperty("digest").GetString() != manifest.ToString()) return null;
        var until = envelope.ExpiresAt ?? DateTimeOffset.MaxValue;
        if (until < now) return null;
        bool isAuthority = envelope.SigningScheme == "notary.x509.signingAuthority";
        if (!isAuthority && envelope.SigningScheme != "notary.x509") return null;
        var leaf = envelope.Chain[0];
        if (!envelope.IsSignedBy(leaf)) return null;
        var at = isAuthority ? envelope.SignedAt : now;
        if (at is null || !Certificates.IsOf(leaf, envelope.Chain, roots, at.Value) || _subject.Except(PartsOf(leaf.SubjectName)).Any()) return null;
        var end = new DateTimeOffset(leaf.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        return new VerifiedSignature(leaf.Subject, null, !isAuthority && end < until ? end : until);
    }

    private static string[] PartsOf(X500DistinguishedName name) => [.. name.EnumerateRelativeDistinguishedNames().Where(static part => !part.HasMultipleElements).Select(static part => $"{part.GetSingleElementType().Value}={part.GetSingleElementValue()}")];
}
