using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Storage;
using Wharf.Engine.Images.Signatures;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>
/// Whose signature a manifest has, of those that <see cref="SignatureVerifier"/> knows. A manifest that a signed index names is signed with it.
/// </summary>
internal sealed class Trust
{
    private const int MaxRemembered = 10_000;

    private sealed record Rule(RepositoryPattern Repository, SignatureVerifier Verifier, bool Enforce);

    /// <summary>Who signed, and until when that holds: certificates end.</summary>
    private sealed record Verified(IReadOnlyList<string> Signers, DateTimeOffset Until);

    private readonly List<Rule> _rules;
    private readonly RegistryStore _store;
    /// <summary>What verifying the payloads of a document gave; its digest says which payloads they are.</summary>
    private readonly ConcurrentDictionary<(int Rule, string Repository, Digest Subject, Digest Document), Verified> _verified = new();

    public Trust(IReadOnlyList<TrustRule> rules, RegistryStore store)
    {
        _store = store;
        _rules = [.. rules.Select(Read)];
        if (rules.FirstOrDefault(static rule => rule.Keys.Count + rule.Keyless.Count + rule.Notation.Count == 0) is { } empty) throw WharfException.Invalid($"trust: the rule for \"{empty.Repository}\" has no keys, no keyless and no notation: nobody's signature would count");
    }

    private static Rule Read(TrustRule rule) => new(new RepositoryPattern(rule.Repository), new SignatureVerifier(
        [.. rule.Keys.Select(static path => new KeySigner(Path.GetFileNameWithoutExtension(path), ReadKey(path))), .. rule.Keyless.Select(Read)],
        [.. rule.Notation.Select(static one => new NotationSigner(Certificates.ReadRoots(File.ReadAllText(one.Roots), $"trust.notation.roots: {one.Roots}"), one.Subject))]), rule.Enforce);

    private static KeylessSigner Read(KeylessConfig config) =>
        new(Certificates.ReadRoots(File.ReadAllText(config.Roots), $"trust.keyless.roots: {config.Roots}"), new TransparencyLog([ReadKey(config.Rekor)]), config.Issuer, KeylessSigner.Pattern(config.Identity));

    private static AsymmetricAlgorithm ReadKey(string path) => PublicKeys.Read(File.ReadAllText(path), $"trust: {path}");

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
        var documents = (await _store.Metadata.ListReferrersAsync(name, digest, cancellation)).Select(record => record.Digest).Take(SignatureVerifier.MaxSignatures).ToList();
        if (await _store.Metadata.FindTagAsync(name, SignatureVerifier.TagOf(digest), cancellation) is { } tag) documents.Insert(0, tag.Digest);
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
        var found = await rule.Verifier.VerifyAsync(await _store.ReadManifestAsync(document, cancellation), subject, async layer =>
            await _store.FindBlobAsync(name, layer.Digest, cancellation) is { Size: <= SignatureVerifier.MaxPayload } ? await _store.Objects.ReadAsync(Keys.Blob(layer.Digest), SignatureVerifier.MaxPayload, cancellation) : null);
        return new Verified([.. found.Select(static one => one.Signer).Distinct()], found.Select(static one => one.Until).Append(DateTimeOffset.MaxValue).Min());
    }

    /// <summary>Whether nothing could be run of it: what refers to another manifest without an image's configuration, or holds payloads of signatures alone.</summary>
    private async Task<bool> IsNoImageAsync(ManifestRecord manifest, CancellationToken cancellation)
    {
        if (!ManifestDocument.IsManifestType(manifest.MediaType)) return false;
        using var document = JsonDocument.Parse(await _store.ReadManifestAsync(manifest.Digest, cancellation));
        var root = document.RootElement;
        if (manifest.Subject is not null && root.GetProperty("config").TryGetProperty("mediaType", out var config) && config.GetString() is not (null or MediaTypes.OciConfig or MediaTypes.DockerConfig)) return true;
        return root.TryGetProperty("layers", out var layers) && layers.ValueKind == JsonValueKind.Array && layers.GetArrayLength() > 0
            && layers.EnumerateArray().All(static layer => layer.TryGetProperty("mediaType", out var type) && type.GetString() == SigstoreSignature.PayloadMediaType);
    }
}
