using Wharf.Engine.Images.Signatures;
using Wharf.Engine.Images.Signatures.OpenPgp;

namespace Wharf.Engine.Images.Trust;

/// <summary>What an image must meet to be taken.</summary>
/// <param name="Type">As in the file.</param>
public record TrustRequirement(string Type)
{
    public const string AcceptAnything = "insecureAcceptAnything", Reject = "reject", SigstoreSigned = "sigstoreSigned", SignedBy = "signedBy", NotationSigned = "notationSigned";
}

/// <summary>A signature by somebody who counts, which gives the image a name that fits.</summary>
/// <param name="Signers">Whose, for people: files of keys, identities, certificates' subjects.</param>
/// <param name="Identity">Null: the kind of signature gives no names.</param>
public abstract record SignatureRequirement(string Type, IReadOnlyList<string> Signers, SignedIdentity? Identity) : TrustRequirement(Type);

/// <summary>A signature that lies at the registry, beside the image.</summary>
public sealed record AttachedSignatureRequirement(string Type, SignatureVerifier Verifier, IReadOnlyList<string> Signers, SignedIdentity? Identity) : SignatureRequirement(Type, Signers, Identity);

/// <summary>A signature of GnuPG's, which lies where the machine's configuration says.</summary>
public sealed record GpgSignatureRequirement(IReadOnlyList<Keyring> Keyrings, IReadOnlyList<string> Signers, SignedIdentity Identity) : SignatureRequirement(SignedBy, Signers, Identity);
