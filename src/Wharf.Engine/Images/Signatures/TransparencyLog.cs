using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Wharf.Engine.Images.Signatures;

/// <summary>When a log took a signature, as it signed that: an entry of Rekor's with its promise.</summary>
public sealed record LogEntry(string Body, long Time, string LogId, long Index, byte[] Promise)
{
    /// <summary>What the promise is the signature of: the canonical form (RFC 8785), members in their order and no spaces.</summary>
    public byte[] Signed => Encoding.UTF8.GetBytes($$"""{"body":"{{Body}}","integratedTime":{{Time}},"logID":"{{LogId}}","logIndex":{{Index}}}""");

    /// <summary>As cosign 2 annotates it.</summary>
    internal static LogEntry Read(string bundle)
    {
        using var document = JsonDocument.Parse(bundle);
        var told = document.RootElement.GetProperty("Payload");
        return new LogEntry(told.GetProperty("body").GetString()!, told.GetProperty("integratedTime").GetInt64(), told.GetProperty("logID").GetString()!, told.GetProperty("logIndex").GetInt64(), document.RootElement.GetProperty("SignedEntryTimestamp").GetBytesFromBase64());
    }

    /// <summary>As a Sigstore bundle has it; null when it has none. Numbers are texts, as protobuf's JSON has them.</summary>
    internal static LogEntry? OfBundle(JsonElement material)
    {
        if (!material.TryGetProperty("tlogEntries", out var entries) || entries.GetArrayLength() == 0 || !entries[0].TryGetProperty("inclusionPromise", out var promise)) return null;
        var entry = entries[0];
        return new LogEntry(entry.GetProperty("canonicalizedBody").GetString()!, Number(entry, "integratedTime"), Convert.ToHexStringLower(entry.GetProperty("logId").GetProperty("keyId").GetBytesFromBase64()), Number(entry, "logIndex"), promise.GetProperty("signedEntryTimestamp").GetBytesFromBase64());
    }

    private static long Number(JsonElement element, string name) => element.GetProperty(name) is { ValueKind: JsonValueKind.String } text ? long.Parse(text.GetString()!, System.Globalization.CultureInfo.InvariantCulture) : element.GetProperty(name).GetInt64();
}

/// <summary>Rekor, the log of signatures: its keys say when a signature came to it. The log's own proofs are not asked.</summary>
public sealed class TransparencyLog(IReadOnlyList<AsymmetricAlgorithm> keys)
{
    /// <summary>When the log took this signature by this certificate or key (its DER); null when it did not. May throw what reading JSON and base64 throws.</summary>
    public DateTimeOffset? TimeOf(SigstoreSignature signature, ReadOnlySpan<byte> verifier)
    {
        if (signature.Entry is not { } entry || !keys.Any(key => PublicKeys.IsSignedBy(key, entry.Signed, entry.Promise))) return null;
        using var record = JsonDocument.Parse(Convert.FromBase64String(entry.Body));
        return signature.IsIn(record.RootElement, verifier) ? DateTimeOffset.FromUnixTimeSeconds(entry.Time) : null;
    }
}
