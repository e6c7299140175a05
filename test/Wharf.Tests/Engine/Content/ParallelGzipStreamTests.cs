using System.IO.Compression;
using System.Security.Cryptography;
using Shouldly;
using Wharf.Engine.Content;
using Xunit;

namespace Wharf.Tests.Engine.Content;

public sealed class ParallelGzipStreamTests
{
    private static byte[] Content(int length)
    {
        var bytes = new byte[length];
        var random = new Random(length);
        for (int i = 0; i < length; i++) bytes[i] = (byte)(random.Next(4) == 0 ? random.Next(256) : i >> 6);
        return bytes;
    }

    private static async Task<byte[]> PackAsync(byte[] content, int step)
    {
        using var output = new MemoryStream();
        await using (var gzip = new ParallelGzipStream(output))
            for (int at = 0; at < content.Length; at += step) await gzip.WriteAsync(content.AsMemory(at, Math.Min(step, content.Length - at)), TestContext.Current.CancellationToken);
        return output.ToArray();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData((1 << 20) - 1)]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 1)]
    [InlineData((9 << 20) + 12345)]
    public async Task One_member_with_a_right_checksum_whatever_the_pieces(int length)
    {
        var content = Content(length);
        var packed = await PackAsync(content, 1 << 16);
        using var plain = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress)) await gzip.CopyToAsync(plain, TestContext.Current.CancellationToken);
        SHA256.HashData(plain.ToArray()).ShouldBe(SHA256.HashData(content));
        // zlib checks the trailer against the whole: so there is one member.
        BitConverter.ToUInt32(packed, packed.Length - 4).ShouldBe((uint)length);
        (await PackAsync(content, 7777)).ShouldBe(packed, "the same bytes however they come");
    }

    [Fact]
    public async Task A_wrong_checksum_would_be_found()
    {
        var packed = await PackAsync(Content(3 << 20), 1 << 16);
        packed[^5] ^= 1;
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        await Should.ThrowAsync<InvalidDataException>(() => gzip.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_cannot_be_written_is_an_error_once()
    {
        var gzip = new ParallelGzipStream(new Full());
        await Should.ThrowAsync<IOException>(async () => { for (int i = 0; i < 20; i++) await gzip.WriteAsync(Content(1 << 20), TestContext.Current.CancellationToken); });
        await gzip.DisposeAsync();
    }

    private sealed class Full : WriteOnlyStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("full");
    }
}
