using Wharf.Engine.Images.Signatures;

namespace Wharf.Engine.Images.Trust;

/// <summary>What an image must meet to be taken.</summary>
/// <param name="Type">As in the file.</param>
public record TrustRequirement(string Type)
{
    public const string AcceptAnything = "insecureAcceptAnything", Reject = "reject", SigstoreSigned = "sigstoreSigned", NotationSigned = "notationSigned";
}

/// <summary>A signature by somebody who counts, which gives the image a name that fits.</summary>
/// <param name="Signers">Whose, for people: files of keys, identities, certificates' subjects.</param>
/// <param name="Identity">Null: the kind of signature gives no names.</param>
public sealed record SignatureRequirement(string Type, SignatureVerifier Verifier, IReadOnlyList<string> Signers, SignedIdentity? Identity) : TrustRequirement(Type);
