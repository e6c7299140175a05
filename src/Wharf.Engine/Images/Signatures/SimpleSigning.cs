using System.Text.Json;
using Wharf.Engine.Images.Signatures.OpenPgp;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Signatures;

/// <summary>Signatures that podman and skopeo make with GnuPG: an OpenPGP message whose document names a manifest (containers-signature(5)).</summary>
public static class SimpleSigning
{
    private const string Kind = "atomic container signature";

    /// <summary>Who signed the manifest, and under which name; null when it is no signature of it, or by no key that counts.</summary>
    public static VerifiedSignature? Verify(byte[] message, Keyring keys, Digest subject, DateTimeOffset now) => Certificates.Guarded(() =>
    {
        if (SignedMessage.Read(message, SignatureVerifier.MaxPayload) is not { } signed || keys.SignerOf(signed.Signature, signed.Data, now) is not { } signer) return null;
        using var document = JsonDocument.Parse(signed.Data, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
        var critical = document.RootElement.GetProperty("critical");
        // Within what is critical nothing may be passed over (containers-signature(5)).
        if (critical.EnumerateObject().Any(static member => member.Name is not ("type" or "image" or "identity")) || critical.GetProperty("type").GetString() != Kind) return null;
        if (critical.GetProperty("image").GetProperty("docker-manifest-digest").GetString() != subject.ToString()) return null;
        return new VerifiedSignature(signer, critical.GetProperty("identity").GetProperty("docker-reference").GetString(), DateTimeOffset.MaxValue);
    });
}
