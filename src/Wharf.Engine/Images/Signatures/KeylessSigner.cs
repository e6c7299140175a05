using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace Wharf.Engine.Images.Signatures;

/// <summary>
/// Signatures that cosign makes without a key of the signer's: a certificate of some minutes by Fulcio names the signer, and Rekor, the log, signed when the signature came to it.
/// The log's own proofs and Fulcio's log of certificates are not asked: who holds the keys of both could make signatures up.
/// </summary>
/// <param name="issuer">The OpenID Connect issuer that told Fulcio who it was, exactly.</param>
/// <param name="isIdentity">Whether a name of the certificate's is whose signature counts.</param>
public sealed class KeylessSigner(X509Certificate2Collection roots, TransparencyLog log, string issuer, Predicate<string> isIdentity) : ISigstoreSigner
{
    /// <summary>Names that fit a pattern, in which <c>*</c> stands for anything.</summary>
    public static Predicate<string> Pattern(string identity) => new Regex("^" + Regex.Escape(identity).Replace("\\*", ".*", StringComparison.Ordinal) + "\\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline).IsMatch;

    public string? SignerOf(SigstoreSignature signature)
    {
        if (signature.Certificate is not { } certificate) return null;
        using var leaf = X509CertificateLoader.LoadCertificate(certificate);
        using var key = leaf.GetECDsaPublicKey() ?? (AsymmetricAlgorithm?)leaf.GetRSAPublicKey();
        if (key is null || !PublicKeys.IsSignedBy(key, signature.Signed, signature.Signature)) return null;
        if (log.TimeOf(signature, leaf.RawDataMemory.Span) is not { } time || !Certificates.IsOf(leaf, signature.Between, roots, time) || Certificates.IssuerOf(leaf) != issuer) return null;
        return Certificates.NamesOf(leaf).FirstOrDefault(name => isIdentity(name));
    }
}
