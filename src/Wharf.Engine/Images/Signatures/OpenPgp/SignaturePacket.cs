using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Wharf.Engine.Images.Signatures.OpenPgp;

/// <summary>A signature of version 4 (RFC 9580 section 5.2.3), which is what GnuPG makes. Of its subpackets only those that are signed
/// are read, and one that is a signature and speaks for itself: GnuPG puts it outside.</summary>
internal sealed class SignaturePacket
{
    public const byte OfBinary = 0x00, Certification = 0x10, LastCertification = 0x13, SubkeyBinding = 0x18, PrimaryBinding = 0x19, DirectKey = 0x1f, KeyRevocation = 0x20, SubkeyRevocation = 0x28;
    private const int Created = 2, Expires = 3, KeyExpires = 9, Flags = 27, Embedded = 32;
    /// <summary>Subpackets that say nothing about whether the signature holds: preferences, names, reasons, whose it is.</summary>
    private static readonly int[] Harmless = [4, 5, 7, 11, 12, 16, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 33, 34, 35, 39];

    private readonly byte[] _hashed;
    private readonly byte[] _left;

    private SignaturePacket(byte[] hashed, byte[] left, byte[] values)
    {
        (_hashed, _left, Values) = (hashed, left, values);
        (Type, Algorithm) = (hashed[1], hashed[2]);
    }

    public byte Type { get; }
    public byte Algorithm { get; }
    /// <summary>The algorithm's own part.</summary>
    public byte[] Values { get; }
    public long? CreatedAt { get; private set; }
    /// <summary>Seconds after the signature's making; 0 for never.</summary>
    public long ExpiresAfter { get; private set; }
    /// <summary>Seconds after the key's making; 0 for never.</summary>
    public long KeyExpiresAfter { get; private set; }
    public byte? KeyFlags { get; private set; }
    /// <summary>By the subkey, that it belongs to the primary key.</summary>
    public SignaturePacket? Back { get; private set; }
    private bool _isUnderstood = true;

    /// <summary>Null for other versions; FormatException for what is none.</summary>
    public static SignaturePacket? Read(ReadOnlySpan<byte> body, bool isEmbedded = false)
    {
        var rest = body;
        if (Packets.Number(1, ref rest) != 4) return null;
        Packets.Take(3, ref rest);
        var hashed = Packets.Take(Packets.Number(2, ref rest), ref rest);
        int length = body.Length - rest.Length;
        var unhashed = Packets.Take(Packets.Number(2, ref rest), ref rest);
        var signature = new SignaturePacket(body[..length].ToArray(), Packets.Take(2, ref rest).ToArray(), rest.ToArray());
        signature.ReadSubpackets(hashed, isSigned: true, isEmbedded);
        signature.ReadSubpackets(unhashed, isSigned: false, isEmbedded);
        return signature;
    }

    private void ReadSubpackets(ReadOnlySpan<byte> area, bool isSigned, bool isEmbedded)
    {
        while (!area.IsEmpty)
        {
            long first = Packets.Number(1, ref area);
            long length = first < 192 ? first : first < 255 ? ((first - 192) << 8) + Packets.Number(1, ref area) + 192 : Packets.Number(4, ref area);
            var subpacket = Packets.Take(length, ref area);
            int type = (int)Packets.Number(1, ref subpacket);
            var content = subpacket;
            // One within one is all there can be.
            if ((type & 0x7f) == Embedded && !isEmbedded) Back = Read(content, isEmbedded: true);
            if (!isSigned) continue;
            switch (type & 0x7f)
            {
                case Embedded: break;
                case Created: CreatedAt = Packets.Number(4, ref content); break;
                case Expires: ExpiresAfter = Packets.Number(4, ref content); break;
                case KeyExpires: KeyExpiresAfter = Packets.Number(4, ref content); break;
                case Flags: KeyFlags = content.Length > 0 ? content[0] : (byte)0; break;
                default:
                    // What is critical and not understood makes the signature void (section 5.2.3.7); notations are none that we know.
                    if ((type & 0x80) != 0 && !Harmless.Contains(type & 0x7f)) _isUnderstood = false;
                    break;
            }
        }
    }

    /// <summary>Whether the key made this signature of the data, and it holds at a time.</summary>
    public bool IsBy(KeyPacket key, DateTimeOffset now, params ReadOnlySpan<byte[]> data)
    {
        if (!_isUnderstood || Algorithm != key.Algorithm || CreatedAt is not { } created || created < key.CreatedAt) return false;
        // A clock may be a little behind the signer's.
        if (created > now.AddHours(1).ToUnixTimeSeconds() || (ExpiresAfter > 0 && created + ExpiresAfter < now.ToUnixTimeSeconds())) return false;
        if (HashOf(_hashed[3]) is not { } algorithm) return false;
        // SHA-1 is broken for what strangers can shape, which documents are; what a key says of itself is its owner's.
        if (algorithm == HashAlgorithmName.SHA1 && Type == OfBinary) return false;
        using var hash = IncrementalHash.CreateHash(algorithm);
        foreach (var part in data) hash.AppendData(part);
        hash.AppendData(_hashed);
        Span<byte> end = [4, 0xff, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(end[2..], _hashed.Length);
        hash.AppendData(end);
        var digest = hash.GetHashAndReset();
        return digest.AsSpan(0, 2).SequenceEqual(_left) && key.Verify(algorithm, digest, Values);
    }

    [SuppressMessage("Security", "CA5350", Justification = "old keys have signed themselves with it")]
    private static HashAlgorithmName? HashOf(byte id) => id switch
    {
        2 => HashAlgorithmName.SHA1, 8 => HashAlgorithmName.SHA256, 9 => HashAlgorithmName.SHA384, 10 => HashAlgorithmName.SHA512, _ => null,
    };
}
