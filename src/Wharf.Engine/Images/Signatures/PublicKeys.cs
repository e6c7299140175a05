using System.Security.Cryptography;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Images.Signatures;

/// <summary>Public keys in PEM, EC or RSA, and what they signed.</summary>
public static class PublicKeys
{
    /// <summary>InvalidArgument, with where it is from, when it is none.</summary>
    public static AsymmetricAlgorithm Read(string pem, string source)
    {
        try
        {
            var key = ECDsa.Create();
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            try
            {
                var key = RSA.Create();
                key.ImportFromPem(pem);
                return key;
            }
            catch (Exception second) when (second is CryptographicException or ArgumentException) { throw WharfException.Invalid($"{source} is no public key in PEM (EC or RSA): {second.Message}", second); }
        }
    }

    public static bool IsSignedBy(AsymmetricAlgorithm key, byte[] payload, ReadOnlySpan<byte> signature) => key switch
    {
        ECDsa ec => ec.VerifyData(payload, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence),
        RSA rsa => rsa.VerifyData(payload, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        _ => false,
    };
}
