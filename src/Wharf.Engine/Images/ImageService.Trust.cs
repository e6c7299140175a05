using Wharf.Engine.Images.Registry;
using Wharf.Engine.Images.Signatures;
using Wharf.Engine.Images.Trust;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Holding what comes in against the trust policy. It is asked before anything of an image is fetched but its manifests, which lie in memory.</summary>
public sealed partial class ImageService
{
    // Lists of referrers under a tag tell the type of the configuration, which is empty or an image's, in place of the artifact's.
    private static readonly string[] _signatureTypes = ["application/vnd.oci.empty.v1+json", MediaTypes.OciConfig, SigstoreSignature.BundleMediaType, "application/vnd.dev.cosign.artifact.sig.v1+json", "application/vnd.cncf.notary.signature"];

    /// <summary>Which images may come in.</summary>
    public TrustState Trust() => new() { File = _options.TrustPolicy?.Path, Rules = _options.TrustPolicy?.Rules() ?? [], BlockedRegistries = [.. _options.BlockedRegistries], AllowedRegistries = [.. _options.AllowedRegistries] };

    /// <summary>Forbidden when the policy does not let the image in.</summary>
    /// <param name="subjects">Digests of the image's manifest and of the index that names it: a signature of either is the image's.</param>
    internal async Task CheckTrustAsync(RegistryClient client, ImageReference image, IReadOnlyList<Digest> subjects, CancellationToken cancellation)
    {
        if (_options.TrustPolicy is not { } policy) return;
        var (scope, requirements) = policy.Of(image);
        var documents = new List<(Digest Subject, byte[] Bytes)>();
        var payloads = new Dictionary<Digest, byte[]>();
        bool isRead = false;
        foreach (var requirement in requirements)
        {
            if (requirement.Type == TrustRequirement.AcceptAnything) continue;
            if (requirement is not SignatureRequirement signed) throw Refused(image.Familiar, policy, scope, "images of it are rejected");
            var (looked, found) = signed is GpgSignatureRequirement gpg ? await GpgSignaturesAsync(gpg, image, subjects, cancellation) : await AttachedAsync((AttachedSignatureRequirement)signed);
            if (found.Exists(one => signed.Identity?.Fits(image, one.DockerReference) ?? true)) continue;
            throw Refused(image.Familiar, policy, scope, found.Count > 0 ? $"{found[0].Signer} signed it as \"{found[0].DockerReference}\", which {signed.Identity!.Type} does not allow"
                : looked == 0 ? "a signature is required, and there is none" : $"it has no signature by {string.Join(" or ", signed.Signers)}");
        }

        async Task<(int Looked, List<VerifiedSignature> Found)> AttachedAsync(AttachedSignatureRequirement signed)
        {
            if (!isRead) foreach (var subject in subjects) documents.AddRange((await SignatureDocumentsAsync(client, subject, cancellation)).Select(bytes => (subject, bytes)));
            isRead = true;
            var found = new List<VerifiedSignature>();
            foreach (var (subject, bytes) in documents) found.AddRange(await signed.Verifier.VerifyAsync(bytes, subject, PayloadAsync));
            return (documents.Count, found);
        }

        async Task<byte[]?> PayloadAsync(Descriptor layer)
        {
            if (payloads.TryGetValue(layer.Digest, out var known)) return known;
            try { return payloads[layer.Digest] = await client.BlobAsync(layer, SignatureVerifier.MaxPayload, cancellation); }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return null; /* a signature without its payload is none */ }
        }
    }

    /// <summary>How many signatures of GnuPG's there are, and those that count.</summary>
    private async Task<(int Looked, List<VerifiedSignature> Found)> GpgSignaturesAsync(GpgSignatureRequirement requirement, ImageReference image, IReadOnlyList<Digest> subjects, CancellationToken cancellation)
    {
        int looked = 0;
        var found = new List<VerifiedSignature>();
        foreach (var subject in subjects)
            foreach (var message in await Lookaside.ReadAsync(_options, image, subject, cancellation))
            {
                looked++;
                found.AddRange(requirement.Keyrings.Select(keys => SimpleSigning.Verify(message, keys, subject, DateTimeOffset.UtcNow)).OfType<VerifiedSignature>());
            }
        return (looked, found);
    }

    /// <summary>Documents that may hold signatures of a manifest: cosign's tag, and what has it as its subject.</summary>
    private static async Task<List<byte[]>> SignatureDocumentsAsync(RegistryClient client, Digest subject, CancellationToken cancellation)
    {
        var documents = new List<byte[]>();
        try { documents.Add((await client.ManifestAsync(SignatureVerifier.TagOf(subject), cancellation)).Bytes); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { /* no tag, no signatures by it */ }
        foreach (var entry in (await client.ReferrersAsync(subject, null, cancellation)).Where(static entry => entry.ArtifactType is null || _signatureTypes.Contains(entry.ArtifactType)).Take(SignatureVerifier.MaxSignatures))
            documents.Add((await client.ManifestAsync(entry.Digest.ToString(), cancellation)).Bytes);
        return documents;
    }

    /// <summary>Forbidden when the policy does not let images of archives in: these have no signatures to ask for.</summary>
    private void CheckArchiveTrust(string transport)
    {
        if (_options.TrustPolicy is not { } policy) return;
        var (scope, requirements) = policy.OfArchive(transport);
        if (requirements.FirstOrDefault(static requirement => requirement.Type != TrustRequirement.AcceptAnything) is { } unmet)
            throw Refused("the archive", policy, scope, unmet.Type == TrustRequirement.Reject ? "images of it are rejected" : "a signature is required, and archives hold none");
    }

    private static WharfException Refused(string what, TrustPolicy policy, string scope, string why) => new(ErrorKind.Forbidden, $"{what} is refused by the trust policy {policy.Path}, \"{scope}\": {why}");
}
