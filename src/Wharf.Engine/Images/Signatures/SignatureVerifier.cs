using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Signatures;

/// <summary>Whose signature counts, of those that cosign makes.</summary>
public interface ISigstoreSigner
{
    /// <summary>The signer's name when the signature is theirs; null when it is not. May throw what reading JSON, base64, PEM and certificates throws: it is as good as not theirs.</summary>
    string? SignerOf(SigstoreSignature signature);
}

/// <summary>Who signed, the name they gave the image where the signature has one, and until when that holds: certificates end.</summary>
public sealed record VerifiedSignature(string Signer, string? DockerReference, DateTimeOffset Until);

/// <summary>
/// Verifies the documents that hold a manifest's signatures: as cosign makes them, under the tag <c>sha256-HEX.sig</c> or with the manifest as their subject, payloads or bundles;
/// as Notation makes them: an envelope with the manifest as its subject.
/// </summary>
public sealed class SignatureVerifier(IReadOnlyList<ISigstoreSigner> sigstore, IReadOnlyList<NotationSigner> notation)
{
    /// <summary>More documents, and signatures in one, than are looked at.</summary>
    public const int MaxSignatures = 64;
    /// <summary>Bytes of one payload, bundle or envelope.</summary>
    public const long MaxPayload = 64 << 10;

    /// <summary>The tag that holds a manifest's signatures in registries without referrers, and with cosign 2 in all.</summary>
    public static string TagOf(Digest subject) => $"{subject.Algorithm}-{subject.Hex}.sig";

    /// <summary>The signatures of the subject in a document that count.</summary>
    /// <param name="document">The document's bytes: what is no image manifest has no signatures.</param>
    /// <param name="read">Reads a layer of at most <see cref="MaxPayload"/> bytes, verified; null when it is not there.</param>
    public async Task<IReadOnlyList<VerifiedSignature>> VerifyAsync(byte[] document, Digest subject, Func<Descriptor, Task<byte[]?>> read)
    {
        var found = new List<VerifiedSignature>();
        foreach (var layer in LayersOf(document).Take(MaxSignatures))
        {
            if ((layer.MediaType is not (SigstoreSignature.PayloadMediaType or SigstoreSignature.BundleMediaType) && !NotationEnvelope.IsEnvelope(layer.MediaType)) || layer.Size is < 0 or > MaxPayload) continue;
            if (await read(layer) is not { } payload) continue;
            if (NotationEnvelope.IsEnvelope(layer.MediaType))
            {
                found.AddRange(notation.Select(signer => signer.Verify(layer.MediaType!, payload, subject, DateTimeOffset.UtcNow)).OfType<VerifiedSignature>());
                continue;
            }
            var signature = Certificates.Guarded(() => layer.MediaType == SigstoreSignature.BundleMediaType ? SigstoreSignature.ReadBundle(payload, subject) : SigstoreSignature.ReadPayload(payload, layer.Annotations, subject));
            if (signature is null) continue;
            found.AddRange(sigstore.Select(signer => Certificates.Guarded(() => signer.SignerOf(signature))).OfType<string>().Select(signer => new VerifiedSignature(signer, signature.DockerReference, DateTimeOffset.MaxValue)));
        }
        return found;
    }

    private static List<Descriptor> LayersOf(byte[] document)
    {
        try { return ManifestDocuments.ParseManifest(document, null).Layers!; }
        catch (WharfException error) when (error.Kind is ErrorKind.InvalidArgument or ErrorKind.NotImplemented) { return []; /* what strangers attach may be anything: it signs nothing */ }
    }
}
