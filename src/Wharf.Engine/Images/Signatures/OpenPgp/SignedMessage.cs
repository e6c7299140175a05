using System.IO.Compression;

namespace Wharf.Engine.Images.Signatures.OpenPgp;

/// <summary>A document with its signature in one, as <c>gpg --sign</c> makes it: one-pass header, literal data, signature (RFC 9580 section 10.3), which may be compressed as a whole.</summary>
internal static class SignedMessage
{
    /// <summary>What was signed, and its signature; null when it is another kind of message. FormatException for what is none.</summary>
    /// <param name="limit">Bytes that compressed packets may have.</param>
    public static (byte[] Data, SignaturePacket Signature)? Read(byte[] message, long limit)
    {
        var packets = Meaningful(Packets.Read(Packets.Unarmored(message)));
        if (packets is [{ Tag: Packet.CompressedTag } compressed]) packets = Meaningful(Packets.Read(Inflate(compressed.Body, limit)));
        // One document and one signature: of more it would not be clear what who has signed.
        if (packets is not ([{ Tag: Packet.OnePassTag }, { Tag: Packet.LiteralTag }, { Tag: Packet.SignatureTag }] or [{ Tag: Packet.SignatureTag }, { Tag: Packet.LiteralTag }])) return null;
        var signature = SignaturePacket.Read(packets.Find(static packet => packet.Tag == Packet.SignatureTag)!.Body);
        return signature is { Type: SignaturePacket.OfBinary } ? (Content(packets.Find(static packet => packet.Tag == Packet.LiteralTag)!.Body), signature) : null;
    }

    private static List<Packet> Meaningful(List<Packet> packets) => packets.FindAll(static packet => packet.Tag is not (Packet.MarkerTag or Packet.PaddingTag));

    /// <summary>Behind its format, its file's name and time (section 5.9), none of which is signed.</summary>
    private static byte[] Content(ReadOnlySpan<byte> literal)
    {
        Packets.Take(1, ref literal);
        Packets.Take(Packets.Number(1, ref literal) + 4, ref literal);
        return literal.ToArray();
    }

    private static byte[] Inflate(byte[] body, long limit)
    {
        if (body.Length == 0) throw new FormatException("a compressed packet is empty");
        using var packed = new MemoryStream(body, 1, body.Length - 1);
        using Stream plain = body[0] switch { 0 => packed, 1 => new DeflateStream(packed, CompressionMode.Decompress), 2 => new ZLibStream(packed, CompressionMode.Decompress), var other => throw new FormatException($"compression {other} is not known") };
        using var output = new MemoryStream();
        var buffer = new byte[8192];
        try
        {
            for (int count; (count = plain.Read(buffer)) > 0; output.Write(buffer, 0, count)) if (output.Length + count > limit) throw new FormatException($"a compressed packet has more than {limit} bytes");
        }
        catch (InvalidDataException error) { throw new FormatException($"a compressed packet is broken: {error.Message}", error); }
        return output.ToArray();
    }
}
