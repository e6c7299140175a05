using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>
/// Whose signature a manifest has. As cosign makes them: a payload that names the manifest's digest, under the tag <c>sha256-HEX.sig</c> or with the manifest as its
/// subject, and the signature of the payload's bytes in an annotation, by a key or a certificate. As Notation makes them: an envelope with the manifest as its subject.
/// A manifest that a signed index names is signed with it.
/// </summary>
internal sealed class Trust
{
    private const string PayloadType = "application/vnd.dev.cosign.simplesigning.v1+json", Signature = "dev.cosignproject.cosign/signature";
    private const int MaxSignatures = 64, MaxRemembered = 10_000;
    private const long MaxPayload = 64 << 10;

    private sealed record Rule(RepositoryPattern Repository, IReadOnlyList<(string Name, AsymmetricAlgorithm Key)> Keys, IReadOnlyList<KeylessTrust> Keyless, IReadOnlyList<NotationTrust> Notation, bool Enforce);

    /// <summary>Who signed, and until when that holds: certificates end.</summary>
    private sealed record Verified(IReadOnlyList<string> Signers, DateTimeOffset Until);

    private readonly List<Rule> _rules;
    private readonly RegistryStore _store;
    /// <summary>What verifying the payloads of a document gave; its digest says which payloads they are.</summary>
    private readonly ConcurrentDictionary<(int Rule, string Repository, Digest Subject, Digest Document), Verified> _verified = new();

    public Trust(IReadOnlyList<TrustRule> rules, RegistryStore store)
    {
        _store = store;
        _rules = [.. rules.Select(rule => new Rule(new RepositoryPattern(rule.Repository), [.. rule.Keys.Select(path => (Path.GetFileNameWithoutExtension(path), ReadKey(path)))], [.. rule.Keyless.Select(one => new KeylessTrust(one))], [.. rule.Notation.Select(one => new NotationTrust(one))], rule.Enforce))];
        if (rules.FirstOrDefault(static rule => rule.Keys.Count + rule.Keyless.Count + rule.Notation.Count == 0) is { } empty) throw WharfException.Invalid($"trust: the rule for \"{empty.Repository}\" has no keys, no keyless and no notation: nobody's signature would count");
    }

    internal static AsymmetricAlgorithm ReadKey(string path)
    {
        var text = File.ReadAllText(path);
        try
        {
            var key = ECDsa.Create();
            key.ImportFromPem(text);
            return key;
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            try
            {
                var key = RSA.Create();
                key.ImportFromPem(text);
                return key;
            }
            catch (Exception second) when (second is CryptographicException or ArgumentException) { throw WharfException.Invalid($"trust: {path} is no public key in PEM (EC or RSA): {second.Message}", second); }
        }
    }

    private int RuleOf(string name) => _rules.FindIndex(rule => rule.Repository.Fits(name));

    public bool Covers(string name) => RuleOf(name) >= 0;

    /// <summary>Refuses a pull of what nobody signed who counts. Signatures themselves, and who may write there (and so sign), are let through.</summary>
    public async Task CheckAsync(string name, ManifestRecord manifest, Identity identity, CancellationToken cancellation)
    {
        int rule = RuleOf(name);
        if (rule < 0 || !_rules[rule].Enforce || identity.May(RegistryAction.Write, name) || identity.May(RegistryAction.ReadUnsigned, name)) return;
        if ((await SignersAsync(name, manifest.Digest, cancellation)).Count > 0 || await IsNoImageAsync(manifest, cancellation)) return;
        throw new RegistryException(RegistryErrorCode.Denied, $"{name}: the manifest has no signature by a key that counts here", manifest.Digest.ToString());
    }

    /// <summary>Names of the keys that signed a manifest, or an index that names it.</summary>
    public async Task<IReadOnlyList<string>> SignersAsync(string name, Digest digest, CancellationToken cancellation)
    {
        int rule = RuleOf(name);
        if (rule < 0) return [];
        var signers = await DirectSignersAsync(rule, name, digest, cancellation);
        if (signers.Count > 0) return signers;
        foreach (var index in await _store.Metadata.ListManifestsAsync(name, cancellation))
            if (ManifestDocument.IsIndexType(index.MediaType) && index.References.Contains(digest) && await DirectSignersAsync(rule, name, index.Digest, cancellation) is { Count: > 0 } of) return of;
        return [];
    }

    private async Task<IReadOnlyList<string>> DirectSignersAsync(int rule, string name, Digest digest, CancellationToken cancellation)
    {
        var documents = (await _store.Metadata.ListReferrersAsync(name, digest, cancellation)).Select(record => record.Digest).Take(MaxSignatures).ToList();
        if (await _store.Metadata.FindTagAsync(name, $"{digest.Algorithm}-{digest.Hex}.sig", cancellation) is { } tag) documents.Insert(0, tag.Digest);
        foreach (var document in documents)
        {
            var key = (rule, name, digest, document);
            if (!_verified.TryGetValue(key, out var verified) || verified.Until < DateTimeOffset.UtcNow)
            {
                verified = await VerifyAsync(_rules[rule], name, digest, document, cancellation);
                if (_verified.Count >= MaxRemembered) _verified.Clear();
                _verified[key] = verified;
            }
            if (verified.Signers.Count > 0) return verified.Signers;
        }
        return [];
    }

    private async Task<Verified> VerifyAsync(Rule rule, string name, Digest subject, Digest document, CancellationToken cancellation)
    {
        using var manifest = JsonDocument.Parse(await _store.ReadManifestAsync(document, cancellation));
        var signers = new List<string>();
        var until = DateTimeOffset.MaxValue;
        if (!manifest.RootElement.TryGetProperty("layers", out var layers) || layers.ValueKind != JsonValueKind.Array) return new Verified(signers, until);
        foreach (var layer in layers.EnumerateArray().Take(MaxSignatures))
        {
            if (!layer.TryGetProperty("mediaType", out var type) || type.GetString() is not (PayloadType or NotationTrust.EnvelopeType or SigstoreBundle.MediaType) || !Digest.TryParse(layer.GetProperty("digest").GetString(), out var digest)) continue;
            if (await _store.FindBlobAsync(name, digest, cancellation) is not { Size: <= MaxPayload } || await _store.Objects.ReadAsync(Keys.Blob(digest), MaxPayload, cancellation) is not { } payload) continue;
            if (type.GetString() == NotationTrust.EnvelopeType)
            {
                foreach (var (signer, end) in rule.Notation.Select(trust => trust.Verify(payload, subject, DateTimeOffset.UtcNow)).OfType<(string, DateTimeOffset)>())
                {
                    signers.Add(signer);
                    if (end < until) until = end;
                }
                continue;
            }
            if (type.GetString() == SigstoreBundle.MediaType)
            {
                if (ReadBundle(payload, subject) is not { } bundle) continue;
                signers.AddRange(rule.Keys.Where(key => IsSignedBy(key.Key, bundle.Signed, bundle.Signature)).Select(key => key.Name));
                signers.AddRange(rule.Keyless.Select(trust => trust.Verify(bundle)).OfType<string>());
                continue;
            }
            if (!layer.TryGetProperty("annotations", out var annotations) || Text(annotations, Signature) is not { } text || !Names(payload, subject)) continue;
            var signature = new byte[1024];
            if (!Convert.TryFromBase64String(text, signature, out int length)) continue;
            signature = signature[..length];
            signers.AddRange(rule.Keys.Where(key => IsSignedBy(key.Key, payload, signature)).Select(key => key.Name));
            signers.AddRange(rule.Keyless.Select(trust => trust.Verify(payload, signature, Text(annotations, KeylessTrust.Certificate), Text(annotations, KeylessTrust.Chain), Text(annotations, KeylessTrust.Bundle))).OfType<string>());
        }
        return new Verified([.. signers.Distinct()], until);
    }

    private static SigstoreBundle? ReadBundle(byte[] file, Digest subject)
    {
        try { return SigstoreBundle.Read(file, subject); }
        catch (Exception error) when (error is JsonException or FormatException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException) { return null; }
    }

    private static string? Text(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Whether the payload speaks of this manifest: a signature of another one says nothing of it.</summary>
    private static bool Names(byte[] payload, Digest subject)
    {
        try
        {
            using var document = JsonDocument.Parse(payload);
            return document.RootElement.GetProperty("critical").GetProperty("image").GetProperty("docker-manifest-digest").GetString() == subject.ToString();
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException) { return false; }
    }

    internal static bool IsSignedBy(AsymmetricAlgorithm key, byte[] payload, ReadOnlySpan<byte> signature) => key switch
    {
        ECDsa ec => ec.VerifyData(payload, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence),
        RSA rsa => rsa.VerifyData(payload, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        _ => false,
    };

    /// <summary>Whether nothing could be run of it: what refers to another manifest without an image's configuration, or holds payloads of signatures alone.</summary>
    private async Task<bool> IsNoImageAsync(ManifestRecord manifest, CancellationToken cancellation)
    {
        if (!ManifestDocument.IsManifestType(manifest.MediaType)) return false;
        using var document = JsonDocument.Parse(await _store.ReadManifestAsync(manifest.Digest, cancellation));
        var root = document.RootElement;
        if (manifest.Subject is not null && root.GetProperty("config").TryGetProperty("mediaType", out var config) && config.GetString() is not (null or MediaTypes.OciConfig or MediaTypes.DockerConfig)) return true;
        return root.TryGetProperty("layers", out var layers) && layers.ValueKind == JsonValueKind.Array && layers.GetArrayLength() > 0
            && layers.EnumerateArray().All(static layer => layer.TryGetProperty("mediaType", out var type) && type.GetString() == PayloadType);
    }
}
