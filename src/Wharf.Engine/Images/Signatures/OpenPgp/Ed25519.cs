using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Wharf.Engine.Images.Signatures.OpenPgp;

/// <summary>Ed25519 (RFC 8032), which .NET does not have, by the libcrypto that .NET's own cryptography stands on.</summary>
internal static partial class Ed25519
{
    private const string Library = "libcrypto.so.3";
    private const int EVP_PKEY_ED25519 = 1087;

    /// <summary>CryptographicException where the machine has no libcrypto 3.</summary>
    public static bool Verify(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        nint handle = 0, context = 0;
        try
        {
            handle = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, 0, key, (nuint)key.Length);
            context = EVP_MD_CTX_new();
            if (handle == 0 || context == 0 || EVP_DigestVerifyInit(context, 0, 0, 0, handle) != 1) throw new CryptographicException("libcrypto does not take an Ed25519 key");
            // 0 is for a signature that is wrong, and less for one that is none.
            return EVP_DigestVerify(context, signature, (nuint)signature.Length, message, (nuint)message.Length) == 1;
        }
        catch (DllNotFoundException error) { throw new CryptographicException($"Ed25519 needs {Library}", error); }
        finally
        {
            if (context != 0) EVP_MD_CTX_free(context);
            if (handle != 0) EVP_PKEY_free(handle);
        }
    }

    [LibraryImport(Library)] private static partial nint EVP_PKEY_new_raw_public_key(int type, nint engine, ReadOnlySpan<byte> key, nuint length);
    [LibraryImport(Library)] private static partial void EVP_PKEY_free(nint key);
    [LibraryImport(Library)] private static partial nint EVP_MD_CTX_new();
    [LibraryImport(Library)] private static partial void EVP_MD_CTX_free(nint context);
    [LibraryImport(Library)] private static partial int EVP_DigestVerifyInit(nint context, nint keyContext, nint digest, nint engine, nint key);
    [LibraryImport(Library)] private static partial int EVP_DigestVerify(nint context, ReadOnlySpan<byte> signature, nuint signatureLength, ReadOnlySpan<byte> message, nuint messageLength);
}
