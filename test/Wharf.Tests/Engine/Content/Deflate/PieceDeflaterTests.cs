using System.Buffers.Binary;
using System.IO.Compression;
using Shouldly;
using Wharf.Engine.Content.Deflate;
using Xunit;

namespace Wharf.Tests.Engine.Content.Deflate;

public sealed class PieceDeflaterTests
{
    private readonly PieceDeflater _deflater = new();

    /// <summary>What the framework's reader makes of it, after a last block; every byte must be used.</summary>
    private byte[] ThereAndBack(byte[] piece, out int length)
    {
        var output = new byte[PieceDeflater.Bound(piece.Length)];
        length = _deflater.Deflate(piece, output);
        using var plain = new MemoryStream();
        using var deflate = new DeflateStream(new MemoryStream([.. output.AsSpan(0, length), 3, 0]), CompressionMode.Decompress);
        deflate.CopyTo(plain);
        return plain.ToArray();
    }

    public static TheoryData<string, int> Pieces()
    {
        var data = new TheoryData<string, int>();
        foreach (var kind in (string[])["zeros", "noise", "letters", "copies", "far copies", "rising", "skewed", "few"])
            foreach (int length in (int[])[1, 2, 3, 4, 7, 8, 9, 12, 255, 256, 257, 258, 259, 260, 300, 32767, 32768, 32769, 65535, 65536, 65537, 65536 + 258, 200_000, PieceDeflater.MaxPiece]) data.Add(kind, length);
        return data;
    }

    private static byte[] Make(string kind, int length)
    {
        var random = new Random(length);
        var bytes = new byte[length];
        if (kind is "noise" or "far copies") random.NextBytes(bytes);
        for (int i = 0; i < length; i++)
        {
            switch (kind)
            {
                case "letters": bytes[i] = (byte)('a' + random.Next(26)); break;
                case "copies": bytes[i] = i >= 600 && random.Next(40) != 0 ? bytes[i - 1 - random.Next(3) * 299] : (byte)random.Next(256); break;
                case "far copies" when i >= 32768 && i % 400 > 20: bytes[i] = bytes[i - 32768]; break;
                case "rising": bytes[i] = (byte)(i >> 4); break;
                // Each value half as often as the one before: codes of the greatest length.
                case "skewed": bytes[i] = (byte)Math.Min(200, System.Numerics.BitOperations.TrailingZeroCount(random.Next() | 1 << 25) * 8); break;
                case "few": bytes[i] = (byte)(random.Next(500) == 0 ? 1 : 0); break;
            }
        }
        return bytes;
    }

    [Theory]
    [MemberData(nameof(Pieces))]
    public void Every_piece_comes_back_and_none_grows_by_more_than_its_heads(string kind, int length)
    {
        var piece = Make(kind, length);
        ThereAndBack(piece, out int packed).SequenceEqual(piece).ShouldBeTrue();
        packed.ShouldBeLessThanOrEqualTo(length + 10 * (length / 65536 + 1) + 6);
    }

    [Fact]
    public void What_was_packed_before_leaves_no_trace()
    {
        var piece = Make("copies", 100_000);
        var (one, other) = (new byte[PieceDeflater.Bound(piece.Length)], new byte[PieceDeflater.Bound(piece.Length)]);
        int first = _deflater.Deflate(piece, one);
        _deflater.Deflate(Make("letters", 300_000), new byte[PieceDeflater.Bound(300_000)]);
        int again = _deflater.Deflate(piece, other);
        other.AsSpan(0, again).SequenceEqual(one.AsSpan(0, first)).ShouldBeTrue();
    }

    [Fact]
    public void Any_mixture_comes_back()
    {
        var random = new Random(20261127);
        string[] kinds = ["zeros", "noise", "letters", "copies", "far copies", "rising", "skewed", "few"];
        for (int round = 0; round < 150; round++)
        {
            byte[] piece = [.. Enumerable.Range(0, random.Next(1, 12)).SelectMany(_ => Make(kinds[random.Next(kinds.Length)], random.Next(1, random.Next(2, 80_000))))];
            if (piece.Length > PieceDeflater.MaxPiece) piece = piece[..PieceDeflater.MaxPiece];
            ThereAndBack(piece, out int _).SequenceEqual(piece).ShouldBeTrue($"round {round}");
        }
    }

    [Fact]
    public void Text_becomes_little_longer_than_by_zlib()
    {
        var text = System.Text.Encoding.UTF8.GetBytes(string.Join('\n', Enumerable.Range(0, 4000).Select(static i => $"{i}: the {i % 13}th of {i % 7} lines of level {i * i % 101}")));
        ThereAndBack(text, out int length).ShouldBe(text);
        using var zlib = new MemoryStream();
        using (var deflate = new DeflateStream(zlib, new ZLibCompressionOptions { CompressionLevel = 2 }, leaveOpen: true)) deflate.Write(text);
        length.ShouldBeLessThan((int)(zlib.Length * 1.15));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(7)]
    public void Codes_are_complete_and_none_is_longer_than_allowed(int mostBits)
    {
        var random = new Random(mostBits);
        for (int round = 0; round < 500; round++)
        {
            var uses = new int[random.Next(2, mostBits == 7 ? 19 : 286)];
            // Growing as Fibonacci's numbers do, as powers, or at random.
            for (int i = 0; i < uses.Length; i++) uses[i] = (round % 3) switch { 0 => i < 2 ? 1 : Math.Min(1 << 20, uses[i - 1] + uses[i - 2]), 1 => 1 << i % 20, _ => random.Next(3) == 0 ? 0 : random.Next(1, 1000) };
            uses[0] = uses[1] = 1;
            var lengths = new byte[uses.Length];
            CodeLengths.Make(uses, mostBits, lengths);
            for (int i = 0; i < uses.Length; i++) (lengths[i] > 0).ShouldBe(uses[i] > 0);
            lengths.Max().ShouldBeLessThanOrEqualTo((byte)mostBits);
            lengths.Where(static bits => bits > 0).Sum(bits => 1 << mostBits - bits).ShouldBe(1 << mostBits);
            for (int i = 1; i < uses.Length; i++) if (uses[i] > 0 && uses[i - 1] > uses[i]) lengths[i - 1].ShouldBeLessThanOrEqualTo(lengths[i]);
        }
    }

    [Fact]
    public void A_single_symbol_has_one_bit()
    {
        var lengths = new byte[3];
        CodeLengths.Make([0, 7, 0], 14, lengths);
        lengths.ShouldBe([0, 1, 0]);
    }

    [Fact]
    public void The_checksum_is_gzips_and_of_two_texts_that_of_both()
    {
        var random = new Random(1);
        foreach (int length in Enumerable.Range(0, 300).Append(65536).Append(100_003))
        {
            var text = new byte[length];
            random.NextBytes(text);
            using var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.NoCompression, leaveOpen: true)) gzip.Write(text);
            // Of nothing the framework writes nothing.
            uint expected = length == 0 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(packed.ToArray().AsSpan()[^8..]);
            Crc32.Of(text).ShouldBe(expected, $"of {length} bytes");
            int at = length / 3;
            Crc32.Combine(Crc32.Of(text.AsSpan(0, at)), Crc32.Of(text.AsSpan(at)), length - at).ShouldBe(expected);
        }
    }
}
