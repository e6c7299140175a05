using Wharf.Linux.Fds;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>A file with holes, cut into chunks of one size: the size that takes the fewest bytes, a hole being none and each chunk's place four.</summary>
internal sealed class ErofsChunks
{
    /// <summary>What a file's holes must save to be worth having.</summary>
    private const int Least = Block;

    private const int MostChunks = 1 << 24;

    private readonly IEnumerable<(long From, long To)> _extents;

    public ErofsChunks(long size, IEnumerable<(long From, long To)> extents)
    {
        (Size, _extents) = (size, extents);
        var holding = new long[MostChunkBits + 1];
        var last = new long[MostChunkBits + 1];
        Array.Fill(last, -1);
        foreach (var (from, to) in extents)
        {
            for (int bits = 0; bits <= MostChunkBits; bits++)
            {
                long first = Math.Max(from >> bits + BlockBits, last[bits] + 1);
                last[bits] = Math.Max(last[bits], to - 1 >> bits + BlockBits);
                holding[bits] += last[bits] + 1 - first;
            }
        }
        Bytes = long.MaxValue;
        for (int bits = 0; bits <= MostChunkBits; bits++)
        {
            long chunk = (long)Block << bits, count = Count(size, chunk);
            // The last chunk ends where the file does.
            var bytes = (long)Int128.Min((Int128)holding[bits] * chunk, size) + count * ChunkIndex;
            if (bytes < Bytes && count <= MostChunks) (Bytes, Bits) = (bytes, bits);
        }
    }

    /// <summary>Of an open file; null where its holes save nothing.</summary>
    public static ErofsChunks? Of(int file, long size)
    {
        var chunks = new ErofsChunks(size, Extents(file, size));
        return chunks.Bytes + Least <= size ? chunks : null;
    }

    public long Size { get; }
    /// <summary>Blocks in a chunk, as a power of two.</summary>
    public int Bits { get; }
    /// <summary>What the file takes.</summary>
    public long Bytes { get; }
    public long ChunkSize => (long)Block << Bits;

    /// <summary>Of each chunk in order whether it holds data.</summary>
    public IEnumerable<bool> Hold()
    {
        long at = 0, count = Count(Size, ChunkSize);
        foreach (var (from, to) in _extents)
        {
            for (; at < from / ChunkSize; at++) yield return false;
            for (; at <= (to - 1) / ChunkSize; at++) yield return true;
        }
        for (; at < count; at++) yield return false;
    }

    private static long Count(long size, long chunk) => (size - 1) / chunk + 1;

    private static IEnumerable<(long From, long To)> Extents(int file, long size)
    {
        for (long at = 0; at < size && (at = FileAt.NextData(file, at)) >= 0 && at < size;)
        {
            long end = Math.Min(FileAt.NextHole(file, at), size);
            yield return (at, end);
            at = end;
        }
    }
}
