using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Wharf.Engine.Images.Signatures.OpenPgp;

/// <summary>A public key of version 4 (RFC 9580 section 5.5.2.2): RSA, ECDSA on NIST's curves, or Ed25519 in both of its encodings.</summary>
internal sealed class KeyPacket
{
    private const byte Rsa = 1, RsaSigning = 3, Ecdsa = 19, EddsaLegacy = 22, Ed25519Algorithm = 27;
    private static readonly byte[] Ed25519Curve = [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01], P256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], P384 = [0x2b, 0x81, 0x04, 0x00, 0x22], P521 = [0x2b, 0x81, 0x04, 0x00, 0x23];

    private readonly Func<HashAlgorithmName, byte[], byte[], bool> _verify;

    private KeyPacket(byte[] body, byte algorithm, long created, Func<HashAlgorithmName, byte[], byte[], bool> verify)
    {
        (Algorithm, CreatedAt, _verify) = (algorithm, created, verify);
        // As keys stand in what is signed of them, and in their fingerprints (sections 5.2.4 and 5.5.4.2).
        Hashed = [0x99, (byte)(body.Length >> 8), (byte)body.Length, .. body];
        Fingerprint = FingerprintOf(Hashed);
    }

    public byte Algorithm { get; }
    /// <summary>Seconds since 1970.</summary>
    public long CreatedAt { get; }
    public byte[] Hashed { get; }
    public string Fingerprint { get; }

    [SuppressMessage("Security", "CA5350", Justification = "what fingerprints of version 4 are; no trust rests on it, the keys are the administrator's")]
    private static string FingerprintOf(byte[] hashed) => Convert.ToHexString(SHA1.HashData(hashed));

    /// <summary>Null for other versions and for algorithms that sign nothing here; FormatException for what is no key.</summary>
    public static KeyPacket? Read(byte[] body)
    {
        ReadOnlySpan<byte> rest = body;
        if (body.Length > ushort.MaxValue || Packets.Number(1, ref rest) != 4) return null;
        long created = Packets.Number(4, ref rest);
        var algorithm = (byte)Packets.Number(1, ref rest);
        return VerifierOf(algorithm, rest) is { } verify ? new KeyPacket(body, algorithm, created, verify) : null;
    }

    private static Func<HashAlgorithmName, byte[], byte[], bool>? VerifierOf(byte algorithm, ReadOnlySpan<byte> values)
    {
        switch (algorithm)
        {
            case Rsa or RsaSigning:
                var parameters = new RSAParameters { Modulus = Packets.Integer(ref values), Exponent = Packets.Integer(ref values) };
                return (hash, digest, signature) => VerifyRsa(parameters, hash, digest, signature);
            case Ecdsa:
                var (curve, size) = CurveOf(Packets.Take(Packets.Number(1, ref values), ref values));
                var point = Packets.Integer(ref values);
                if (size == 0 || point.Length != 1 + (2 * size) || point[0] != 4) return null;
                return (_, digest, signature) => VerifyEcdsa(new ECParameters { Curve = curve, Q = new ECPoint { X = point[1..(1 + size)], Y = point[(1 + size)..] } }, size, digest, signature);
            case EddsaLegacy:
                if (!Packets.Take(Packets.Number(1, ref values), ref values).SequenceEqual(Ed25519Curve)) return null;
                var prefixed = Packets.Integer(ref values);
                if (prefixed.Length != 33 || prefixed[0] != 0x40) return null;
                return (_, digest, signature) => Ed25519.Verify(prefixed.AsSpan(1), digest, Pair(signature, 32));
            case Ed25519Algorithm:
                var key = Packets.Take(32, ref values).ToArray();
                return (_, digest, signature) => signature.Length == 64 && Ed25519.Verify(key, digest, signature);
            default:
                return null;
        }
    }

    private static (ECCurve Curve, int Size) CurveOf(ReadOnlySpan<byte> name) => name.SequenceEqual(P256) ? (ECCurve.NamedCurves.nistP256, 32)
        : name.SequenceEqual(P384) ? (ECCurve.NamedCurves.nistP384, 48) : name.SequenceEqual(P521) ? (ECCurve.NamedCurves.nistP521, 66) : default;

    private static bool VerifyRsa(RSAParameters parameters, HashAlgorithmName hash, byte[] digest, byte[] signature)
    {
        if (parameters.Modulus!.Length < 256) return false;
        ReadOnlySpan<byte> rest = signature;
        var number = LeftPadded(Packets.Integer(ref rest), parameters.Modulus.Length);
        using var rsa = RSA.Create(parameters);
        return rsa.VerifyHash(digest, number, hash, RSASignaturePadding.Pkcs1);
    }

    private static bool VerifyEcdsa(ECParameters parameters, int size, byte[] digest, byte[] signature)
    {
        using var ec = ECDsa.Create(parameters);
        return ec.VerifyHash(digest, Pair(signature, size), DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>Two integers as one text of fixed length.</summary>
    private static byte[] Pair(byte[] signature, int size)
    {
        ReadOnlySpan<byte> rest = signature;
        return [.. LeftPadded(Packets.Integer(ref rest), size), .. LeftPadded(Packets.Integer(ref rest), size)];
    }

    private static byte[] LeftPadded(byte[] number, int size) => number.Length <= size ? [.. new byte[size - number.Length], .. number] : throw new FormatException("a number of a signature is too large");

    public bool Verify(HashAlgorithmName hash, byte[] digest, byte[] signature) => _verify(hash, digest, signature);
}
