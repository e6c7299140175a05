using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>When a log took a signature, as it signed that: an entry of Rekor's with its promise.</summary>
internal sealed record LogEntry(string Body, long Time, string LogId, long Index, byte[] Promise)
{
    /// <summary>What the promise is the signature of: the canonical form (RFC 8785), members in their order and no spaces.</summary>
    public byte[] Signed => Encoding.UTF8.GetBytes($$"""{"body":"{{Body}}","integratedTime":{{Time}},"logID":"{{LogId}}","logIndex":{{Index}}}""");
}

/// <summary>
/// A signature in the form that cosign 3 makes (Sigstore bundle 0.3): an in-toto statement that names the manifest, signed as DSSE has it, and who signed: a certificate, or nothing
/// for a key that is known.
/// </summary>
internal sealed record SigstoreBundle(byte[] Signed, byte[] Payload, byte[] Signature, byte[]? Certificate, LogEntry? Entry)
{
    public const string MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    private const string Predicate = "https://sigstore.dev/cosign/sign/v1", PayloadType = "application/vnd.in-toto+json";

    /// <summary>Null when it is no signature of this manifest: other statements about it, such as its provenance, are none. May throw what reading JSON and base64 throws.</summary>
    public static SigstoreBundle? Read(byte[] file, Digest subject)
    {
        using var document = JsonDocument.Parse(file);
        var envelope = document.RootElement.GetProperty("dsseEnvelope");
        var payload = envelope.GetProperty("payload").GetBytesFromBase64();
        if (envelope.GetProperty("payloadType").GetString() != PayloadType || !Names(payload, subject)) return null;
        // DSSE's encoding of what is signed: type and content, each behind its length.
        byte[] signed = [.. Encoding.UTF8.GetBytes($"DSSEv1 {PayloadType.Length} {PayloadType} {payload.Length} "), .. payload];
        var material = document.RootElement.GetProperty("verificationMaterial");
        var certificate = material.TryGetProperty("certificate", out var leaf) ? leaf.GetProperty("rawBytes").GetBytesFromBase64() : null;
        return new SigstoreBundle(signed, payload, envelope.GetProperty("signatures")[0].GetProperty("sig").GetBytesFromBase64(), certificate, EntryOf(material));
    }

    private static bool Names(byte[] payload, Digest subject)
    {
        using var statement = JsonDocument.Parse(payload);
        return statement.RootElement.GetProperty("predicateType").GetString() == Predicate
            && statement.RootElement.GetProperty("subject").EnumerateArray().Any(one => one.GetProperty("digest").TryGetProperty(subject.Algorithm, out var hex) && hex.GetString() == subject.Hex);
    }

    /// <summary>Numbers are texts, as protobuf's JSON has them.</summary>
    private static LogEntry? EntryOf(JsonElement material)
    {
        if (!material.TryGetProperty("tlogEntries", out var entries) || entries.GetArrayLength() == 0 || !entries[0].TryGetProperty("inclusionPromise", out var promise)) return null;
        var entry = entries[0];
        return new LogEntry(entry.GetProperty("canonicalizedBody").GetString()!, Number(entry, "integratedTime"), Convert.ToHexStringLower(entry.GetProperty("logId").GetProperty("keyId").GetBytesFromBase64()), Number(entry, "logIndex"), promise.GetProperty("signedEntryTimestamp").GetBytesFromBase64());
    }

    private static long Number(JsonElement element, string name) => element.GetProperty(name) is { ValueKind: JsonValueKind.String } text ? long.Parse(text.GetString()!, System.Globalization.CultureInfo.InvariantCulture) : element.GetProperty(name).GetInt64();

    /// <summary>Whether the log's entry is of this very signature by this very certificate.</summary>
    public bool IsIn(JsonElement record, X509Certificate2 leaf)
    {
        if (record.GetProperty("kind").GetString() != "dsse") return false;
        var spec = record.GetProperty("spec");
        if (spec.GetProperty("payloadHash").GetProperty("value").GetString() != Convert.ToHexStringLower(SHA256.HashData(Payload))) return false;
        return spec.GetProperty("signatures").EnumerateArray().Any(one =>
        {
            using var logged = X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(one.GetProperty("verifier").GetBytesFromBase64()));
            return one.GetProperty("signature").GetBytesFromBase64().AsSpan().SequenceEqual(Signature) && logged.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span);
        });
    }
}
