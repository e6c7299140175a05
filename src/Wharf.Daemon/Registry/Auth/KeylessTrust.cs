using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Wharf.Daemon.Registry.Config;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>
/// Signatures that cosign makes without a key of the signer's: a certificate of some minutes by Fulcio names the signer, and Rekor, the log, signed when the signature came to it.
/// The log's own proofs and Fulcio's log of certificates are not asked: who holds the keys of both could make signatures up.
/// </summary>
internal sealed class KeylessTrust(KeylessConfig config)
{
    public const string Certificate = "dev.sigstore.cosign/certificate", Chain = "dev.sigstore.cosign/chain", Bundle = "dev.sigstore.cosign/bundle";

    private readonly X509Certificate2Collection _roots = Certificates.ReadRoots(config.Roots, "trust.keyless.roots");
    private readonly AsymmetricAlgorithm _rekor = Trust.ReadKey(config.Rekor);
    private readonly string _issuer = config.Issuer;
    private readonly Regex _identity = new("^" + Regex.Escape(config.Identity).Replace("\\*", ".*", StringComparison.Ordinal) + "\\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);

    /// <summary>The signer when the signature, with cosign 2's annotations, is whose it should be; null when it is not.</summary>
    public string? Verify(byte[] payload, byte[] signature, string? certificate, string? chain, string? bundle)
    {
        if (certificate is null || bundle is null) return null;
        return Certificates.Guarded(() =>
        {
            using var leaf = X509Certificate2.CreateFromPem(certificate);
            var between = new X509Certificate2Collection();
            if (chain is not null) between.ImportFromPem(chain);
            using var document = JsonDocument.Parse(bundle);
            var told = document.RootElement.GetProperty("Payload");
            var entry = new LogEntry(told.GetProperty("body").GetString()!, told.GetProperty("integratedTime").GetInt64(), told.GetProperty("logID").GetString()!, told.GetProperty("logIndex").GetInt64(), document.RootElement.GetProperty("SignedEntryTimestamp").GetBytesFromBase64());
            return SignerOf(leaf, between, payload, signature, entry, record => IsIn(record, payload, signature, leaf));
        });
    }

    /// <summary>The same of a bundle.</summary>
    public string? Verify(SigstoreBundle bundle)
    {
        if (bundle is not { Certificate: { } certificate, Entry: { } entry }) return null;
        return Certificates.Guarded(() =>
        {
            using var leaf = X509CertificateLoader.LoadCertificate(certificate);
            return SignerOf(leaf, [], bundle.Signed, bundle.Signature, entry, record => bundle.IsIn(record, leaf));
        });
    }

    private string? SignerOf(X509Certificate2 leaf, X509Certificate2Collection between, byte[] signed, byte[] signature, LogEntry entry, Func<JsonElement, bool> isInRecord)
    {
        using var key = leaf.GetECDsaPublicKey() ?? (AsymmetricAlgorithm?)leaf.GetRSAPublicKey();
        if (key is null || !Trust.IsSignedBy(key, signed, signature) || !Trust.IsSignedBy(_rekor, entry.Signed, entry.Promise)) return null;
        using var record = JsonDocument.Parse(Convert.FromBase64String(entry.Body));
        if (!isInRecord(record.RootElement) || !Certificates.IsOf(leaf, between, _roots, DateTimeOffset.FromUnixTimeSeconds(entry.Time)) || Certificates.IssuerOf(leaf) != _issuer) return null;
        return Certificates.NamesOf(leaf).FirstOrDefault(name => _identity.IsMatch(name));
    }

    /// <summary>Whether the log's entry is of this very signature by this very certificate.</summary>
    private static bool IsIn(JsonElement record, byte[] payload, byte[] signature, X509Certificate2 leaf)
    {
        var spec = record.GetProperty("spec");
        if (record.GetProperty("kind").GetString() != "hashedrekord" || spec.GetProperty("data").GetProperty("hash").GetProperty("value").GetString() != Convert.ToHexStringLower(SHA256.HashData(payload))) return false;
        var of = spec.GetProperty("signature");
        using var logged = X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(of.GetProperty("publicKey").GetProperty("content").GetBytesFromBase64()));
        return of.GetProperty("content").GetBytesFromBase64().AsSpan().SequenceEqual(signature) && logged.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span);
    }
}
