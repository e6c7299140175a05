using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Wharf.SystemTests.Registry;

/// <summary>A signature of an image as cosign 2 makes it without a key of the signer's: by a certificate of ten minutes, with the word of a log on when it came.</summary>
/// <param name="Payload">The layer that names the image.</param>
/// <param name="Annotations">The layer's, which hold all the rest.</param>
internal sealed record KeylessSignature(byte[] Payload, Dictionary<string, string> Annotations)
{
    public const string MediaType = "application/vnd.dev.cosign.simplesigning.v1+json";

    /// <param name="authority">Whose certificate it is.</param>
    /// <param name="log">The log's key.</param>
    /// <param name="digest">The image's.</param>
    /// <param name="name">What the signer calls the image.</param>
    /// <param name="identity">The signer, a URI.</param>
    /// <param name="issuer">Who told the authority of the signer.</param>
    /// <param name="from">When the certificate begins.</param>
    /// <param name="logged">When the signature came to the log.</param>
    /// <param name="isLogged">False: the log has seen another payload.</param>
    public static KeylessSignature Make(SigningAuthority authority, ECDsa log, string digest, string name, string identity, string issuer, DateTimeOffset from, DateTimeOffset logged, bool isLogged = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = authority.Leaf(key, "", from, TimeSpan.FromMinutes(10), identity, issuer);
        var certificate = leaf.ExportCertificatePem();
        var payload = Encoding.UTF8.GetBytes($$$"""{"critical":{"identity":{"docker-reference":"{{{name}}}"},"image":{"docker-manifest-digest":"{{{digest}}}"},"type":"cosign container image signature"},"optional":null}""");
        var signature = Convert.ToBase64String(Sign(key, payload));
        var body = Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(new
        {
            apiVersion = "0.0.1", kind = "hashedrekord",
            spec = new { data = new { hash = new { algorithm = "sha256", value = Convert.ToHexStringLower(SHA256.HashData(isLogged ? payload : [1])) } }, signature = new { content = signature, publicKey = new { content = Convert.ToBase64String(Encoding.UTF8.GetBytes(certificate)) } } },
        }));
        var (entry, promise) = Entry(log, body, logged);
        return new KeylessSignature(payload, new Dictionary<string, string>
        {
            ["dev.cosignproject.cosign/signature"] = signature, ["dev.sigstore.cosign/certificate"] = certificate, ["dev.sigstore.cosign/chain"] = authority.Root.ExportCertificatePem(),
            ["dev.sigstore.cosign/bundle"] = $$"""{"SignedEntryTimestamp":"{{promise}}","Payload":{{entry}}}""",
        });
    }

    /// <summary>An entry of the log in the form it signs, and the signature.</summary>
    /// <param name="body">In base64.</param>
    public static (string Entry, string Promise) Entry(ECDsa log, string body, DateTimeOffset logged)
    {
        var entry = $$"""{"body":"{{body}}","integratedTime":{{logged.ToUnixTimeSeconds()}},"logID":"c0d2","logIndex":7}""";
        return (entry, Convert.ToBase64String(Sign(log, Encoding.UTF8.GetBytes(entry))));
    }

    /// <summary>As Sigstore has signatures: over SHA-256, in DER.</summary>
    public static byte[] Sign(ECDsa key, byte[] data) => key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
}
