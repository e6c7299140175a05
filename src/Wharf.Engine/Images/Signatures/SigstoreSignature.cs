using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Signatures;

/// <summary>
/// A signature that cosign makes, of either form: a payload that names the manifest, its signature and the signer's certificate in the annotations of a layer; or a Sigstore bundle
/// (0.3): an in-toto statement that names the manifest, signed as DSSE has it.
/// </summary>
/// <param name="Signed">What the signature is of.</param>
/// <param name="Payload">What the log has the digest of.</param>
/// <param name="IsEnvelope">The log's record is of a DSSE envelope.</param>
/// <param name="Certificate">The signer's, in DER; null for a key that is known.</param>
/// <param name="DockerReference">The name the signer gave the image; null where the form has no place for one.</param>
public sealed record SigstoreSignature(byte[] Signed, byte[] Payload, byte[] Signature, bool IsEnvelope, byte[]? Certificate, X509Certificate2Collection Between, LogEntry? Entry, string? DockerReference)
{
    public const string PayloadMediaType = "application/vnd.dev.cosign.simplesigning.v1+json", BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    private const string SignatureKey = "dev.cosignproject.cosign/signature", CertificateKey = "dev.sigstore.cosign/certificate", ChainKey = "dev.sigstore.cosign/chain", BundleKey = "dev.sigstore.cosign/bundle";
    private const string PayloadKind = "cosign container image signature", Predicate = "https://sigstore.dev/cosign/sign/v1", StatementType = "application/vnd.in-toto+json";

    /// <summary>Reads cosign 2's form; null when it is no signature of this manifest: one of another says nothing of it. May throw what reading JSON, base64 and PEM throws.</summary>
    public static SigstoreSignature? ReadPayload(byte[] payload, IReadOnlyDictionary<string, string>? annotations, Digest subject)
    {
        if (annotations?.GetValueOrDefault(SignatureKey) is not { } text) return null;
        using var document = JsonDocument.Parse(payload);
        var critical = document.RootElement.GetProperty("critical");
        if (critical.GetProperty("type").GetString() != PayloadKind || critical.GetProperty("image").GetProperty("docker-manifest-digest").GetString() != subject.ToString()) return null;
        var reference = critical.TryGetProperty("identity", out var identity) && identity.TryGetProperty("docker-reference", out var name) ? name.GetString() : null;
        var between = new X509Certificate2Collection();
        if (annotations.GetValueOrDefault(ChainKey) is { } chain) between.ImportFromPem(chain);
        var certificate = annotations.GetValueOrDefault(CertificateKey) is { } pem ? Certificates.DerOf(pem) : null;
        return new SigstoreSignature(payload, payload, Convert.FromBase64String(text), false, certificate, between, annotations.GetValueOrDefault(BundleKey) is { } bundle ? LogEntry.Read(bundle) : null, reference);
    }

    /// <summary>Reads a bundle; null when it is no signature of this manifest: other statements about it, such as its provenance, are none. May throw what reading JSON and base64 throws.</summary>
    public static SigstoreSignature? ReadBundle(byte[] file, Digest subject)
    {
        using var document = JsonDocument.Parse(file);
        var envelope = document.RootElement.GetProperty("dsseEnvelope");
        var payload = envelope.GetProperty("payload").GetBytesFromBase64();
        if (envelope.GetProperty("payloadType").GetString() != StatementType || !Names(payload, subject)) return null;
        // DSSE's encoding of what is signed: type and content, each behind its length.
        byte[] signed = [.. Encoding.UTF8.GetBytes($"DSSEv1 {StatementType.Length} {StatementType} {payload.Length} "), .. payload];
        var material = document.RootElement.GetProperty("verificationMaterial");
        var certificate = material.TryGetProperty("certificate", out var leaf) ? leaf.GetProperty("rawBytes").GetBytesFromBase64() : null;
        return new SigstoreSignature(signed, payload, envelope.GetProperty("signatures")[0].GetProperty("sig").GetBytesFromBase64(), true, certificate, [], LogEntry.OfBundle(material), null);
    }

    private static bool Names(byte[] payload, Digest subject)
    {
        using var statement = JsonDocument.Parse(payload);
        return statement.RootElement.GetProperty("predicateType").GetString() == Predicate
            && statement.RootElement.GetProperty("subject").EnumerateArray().Any(one => one.GetProperty("digest").TryGetProperty(subject.Algorithm, out var hex) && hex.GetString() == subject.Hex);
    }

    /// <summary>Whether a record of the log is of this very signature, by this very certificate or key (its DER).</summary>
    public bool IsIn(JsonElement record, ReadOnlySpan<byte> verifier)
    {
        var spec = record.GetProperty("spec");
        var hash = Convert.ToHexStringLower(SHA256.HashData(Payload));
        if (!IsEnvelope)
        {
            if (record.GetProperty("kind").GetString() != "hashedrekord" || spec.GetProperty("data").GetProperty("hash").GetProperty("value").GetString() != hash) return false;
            var of = spec.GetProperty("signature");
            return IsThis(of.GetProperty("content"), of.GetProperty("publicKey").GetProperty("content"), verifier);
        }
        if (record.GetProperty("kind").GetString() != "dsse" || spec.GetProperty("payloadHash").GetProperty("value").GetString() != hash) return false;
        foreach (var one in spec.GetProperty("signatures").EnumerateArray())
            if (IsThis(one.GetProperty("signature"), one.GetProperty("verifier"), verifier)) return true;
        return false;
    }

    private bool IsThis(JsonElement signature, JsonElement pem, ReadOnlySpan<byte> verifier) =>
        signature.GetBytesFromBase64().AsSpan().SequenceEqual(Signature) && Certificates.DerOf(Encoding.UTF8.GetString(pem.GetBytesFromBase64())).AsSpan().SequenceEqual(verifier);
}
