using System.Buffers.Binary;
using System.Text;

namespace Wharf.Engine.Images.Signatures.OpenPgp;

/// <summary>A packet of an OpenPGP message or keyring (RFC 9580 section 4).</summary>
internal sealed record Packet(int Tag, byte[] Body)
{
    public const int SignatureTag = 2, OnePassTag = 4, KeyTag = 6, SecretKeyTag = 5, CompressedTag = 8, MarkerTag = 10, LiteralTag = 11, TrustTag = 12, UserIdTag = 13, SubkeyTag = 14, PaddingTag = 21;
}

/// <summary>Takes OpenPGP's packets apart. FormatException for what is no sequence of packets; lengths are held against what is there before anything is allocated.</summary>
internal static class Packets
{
    private const int MaxPackets = 20_000;

    public static List<Packet> Read(ReadOnlySpan<byte> bytes)
    {
        var packets = new List<Packet>();
        while (!bytes.IsEmpty)
        {
            if (packets.Count == MaxPackets) throw new FormatException($"more than {MaxPackets} packets");
            int head = bytes[0];
            if ((head & 0x80) == 0) throw new FormatException("not an OpenPGP packet");
            bytes = bytes[1..];
            packets.Add((head & 0x40) != 0 ? new Packet(head & 0x3f, NewBody(ref bytes)) : new Packet((head >> 2) & 0xf, OldBody(head & 3, ref bytes)));
        }
        return packets;
    }

    private static byte[] OldBody(int lengthType, ref ReadOnlySpan<byte> bytes)
    {
        long length = lengthType switch { 0 => Number(1, ref bytes), 1 => Number(2, ref bytes), 2 => Number(4, ref bytes), _ => bytes.Length };
        return Take(length, ref bytes).ToArray();
    }

    /// <summary>A body may come in pieces, each but the last a power of two long (section 4.2.1.4).</summary>
    private static byte[] NewBody(ref ReadOnlySpan<byte> bytes)
    {
        var body = new List<byte>();
        while (true)
        {
            long first = Number(1, ref bytes);
            bool isPartial = first is >= 224 and < 255;
            long length = first < 192 ? first : first < 224 ? ((first - 192) << 8) + Number(1, ref bytes) + 192 : isPartial ? 1L << (int)(first & 0x1f) : Number(4, ref bytes);
            body.AddRange(Take(length, ref bytes));
            if (!isPartial) return [.. body];
        }
    }

    /// <summary>A big-endian number of one, two or four bytes.</summary>
    public static long Number(int size, ref ReadOnlySpan<byte> bytes)
    {
        var text = Take(size, ref bytes);
        return size switch { 1 => text[0], 2 => BinaryPrimitives.ReadUInt16BigEndian(text), _ => BinaryPrimitives.ReadUInt32BigEndian(text) };
    }

    public static ReadOnlySpan<byte> Take(long length, ref ReadOnlySpan<byte> bytes)
    {
        if (length > bytes.Length) throw new FormatException("an OpenPGP packet is cut off");
        var taken = bytes[..(int)length];
        bytes = bytes[(int)length..];
        return taken;
    }

    /// <summary>A multiprecision integer (section 3.2): its length in bits, and its bytes.</summary>
    public static byte[] Integer(ref ReadOnlySpan<byte> bytes) => Take((Number(2, ref bytes) + 7) / 8, ref bytes).ToArray();

    /// <summary>Bytes as they are, or those of all blocks of ASCII armor in them (section 6).</summary>
    public static byte[] Unarmored(byte[] bytes)
    {
        if (bytes.Length > 0 && (bytes[0] & 0x80) != 0) return bytes;
        var all = new List<byte>();
        StringBuilder? block = null;
        bool isHead = false;
        foreach (var line in Encoding.ASCII.GetString(bytes).Split('\n').Select(static line => line.Trim()))
        {
            if (line.StartsWith("-----BEGIN PGP ", StringComparison.Ordinal)) (block, isHead) = (new StringBuilder(), true);
            else if (block is null) continue;
            else if (line.StartsWith("-----END PGP ", StringComparison.Ordinal))
            {
                all.AddRange(Convert.FromBase64String(block.ToString()));
                block = null;
            }
            else if (isHead) isHead = line.Length > 0;
            // The checksum is of no use to who verifies signatures (section 6.1).
            else if (!line.StartsWith('=')) block.Append(line);
        }
        return all.Count > 0 ? [.. all] : throw new FormatException("neither OpenPGP packets nor ASCII armor");
    }
}
