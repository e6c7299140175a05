using System.Security.Cryptography;

namespace Wharf.Engine.Images.Signatures;

/// <summary>Signatures that cosign makes with a key. With a log they count only if it took them.</summary>
public sealed class KeySigner(string name, AsymmetricAlgorithm key, TransparencyLog? log = null) : ISigstoreSigner
{
    private readonly byte[] _der = key.ExportSubjectPublicKeyInfo();

    public string? SignerOf(SigstoreSignature signature) => PublicKeys.IsSignedBy(key, signature.Signed, signature.Signature) && (log is null || log.TimeOf(signature, _der) is not null) ? name : null;
}
