using System.Buffers.Binary;
using System.Numerics;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>
/// Writes an EROFS image, uncompressed. First comes the data of files, in the order it is given (<see cref="SetData(ErofsNode, Fd)"/>), then, when all nodes are known, directories,
/// inodes and the superblock (<see cref="Complete"/>). So data needs not be held, and whatever follows an inode waits in a file of its own, <paramref name="aside"/>, empty at first.
/// The same calls give the same bytes.
/// </summary>
internal sealed class ErofsWriter(Fd image, Fd aside)
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(64 << 10);
    private readonly ErofsOutput _aside = new(aside, 0);
    // The first block is the superblock's.
    private long _end = Block;

    /// <summary>Data that is at hand: a symbolic link's target, or a small file's.</summary>
    public void SetData(ErofsNode node, ReadOnlySpan<byte> data)
    {
        int tail = InlineTail(node, data.Length);
        var place = TakeBlocks(data.Length - tail);
        FileAt.WriteAllAt(image.Value, data[..^tail], place);
        node.Data = Flat(data.Length, place, tail, tail == 0 ? [] : data[^tail..].ToArray());
    }

    /// <summary>A regular file of this size that is one hole: it reads as zeros, and has no block.</summary>
    public void SetHole(ErofsNode node, long size) => node.Data = size == 0 ? ErofsData.None : WriteChunks(new ErofsChunks(size, []), null);

    /// <summary>The data of an open file, whose holes stay holes.</summary>
    public void SetData(ErofsNode node, Fd source)
    {
        var stat = FileStat.Of(source);
        if (stat.Blocks * 512 < stat.Size && ErofsChunks.Of(source.Value, stat.Size) is { } chunks)
        {
            node.Data = WriteChunks(chunks, source);
            return;
        }
        int tail = InlineTail(node, stat.Size);
        long place = TakeBlocks(stat.Size - tail);
        Copy(source, 0, place, stat.Size - tail);
        var at = _aside.At;
        if (tail > 0)
        {
            ReadWhole(source, _buffer.AsSpan(0, tail), stat.Size - tail);
            _aside.Write(_buffer.AsSpan(0, tail));
        }
        node.Data = Flat(stat.Size, place, tail, null) with { TrailerAt = at };
    }

    /// <summary>How much of a file's end follows its inode. There it must lie in one block, which it does when all of it does.</summary>
    private static int InlineTail(ErofsNode node, long size)
    {
        int tail = (int)(size % Block);
        return tail <= MostInline && Extended + node.XattrSize + tail <= Block ? tail : 0;
    }

    private static ErofsData Flat(long size, long place, int tail, byte[]? trailer) =>
        new(tail > 0 ? ErofsLayout.FlatInline : ErofsLayout.FlatPlain, size, size > tail ? BlockNumber(place) : 0, 0, trailer, 0, tail);

    private ErofsData WriteChunks(ErofsChunks chunks, Fd? source)
    {
        long at = _aside.At;
        Span<byte> index = stackalloc byte[ChunkIndex];
        foreach (bool holds in chunks.Hold())
        {
            long from = (_aside.At - at) / ChunkIndex * chunks.ChunkSize, size = Math.Min(chunks.ChunkSize, chunks.Size - from);
            long place = holds ? TakeBlocks(size) : 0;
            if (holds) Copy(source!, from, place, size);
            BinaryPrimitives.WriteUInt32LittleEndian(index, holds ? BlockNumber(place) : EROFS_NULL_ADDR);
            _aside.Write(index);
        }
        return new ErofsData(ErofsLayout.ChunkBased, chunks.Size, 0, chunks.Bits, null, at, (int)(_aside.At - at));
    }

    private long TakeBlocks(long size)
    {
        long place = _end;
        _end += Aligned(size, Block);
        return place;
    }

    internal static uint BlockNumber(long place) =>
        place >> BlockBits < EROFS_NULL_ADDR ? (uint)(place >> BlockBits) : throw WharfException.Invalid("an EROFS image holds no more than 16 TiB");

    private void Copy(Fd source, long from, long to, long size)
    {
        while (size > 0)
        {
            long count = FileAt.CopyRange(source.Value, from, image.Value, to, size);
            if (count < 0)
            {
                // Between file systems that cannot copy for each other.
                count = FileAt.ReadAt(source.Value, _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, size)), from);
                FileAt.WriteAllAt(image.Value, _buffer.AsSpan(0, (int)count), to);
            }
            if (count == 0) throw Shrunk();
            (from, to, size) = (from + count, to + count, size - count);
        }
    }

    private static void ReadWhole(Fd source, Span<byte> target, long from)
    {
        while (target.Length > 0)
        {
            int count = FileAt.ReadAt(source.Value, target, from);
            if (count == 0) throw Shrunk();
            target = target[count..];
            from += count;
        }
    }

    private static IOException Shrunk() => new("a file became shorter while it was put into an EROFS image");

    /// <summary>
    /// Writes what is left, of the tree below <paramref name="root"/>, whose nodes have their data. The image is whole when this returns, but not flushed. InvalidArgument
    /// when two names in a directory are the same, or an inode's attributes are too many.
    /// </summary>
    public void Complete(ErofsNode root, Guid uuid)
    {
        _aside.Flush();
        var plan = new ErofsPlan(root, _end);
        new ErofsInodes(image, aside, plan).Write();
        Span<byte> first = stackalloc byte[Block];
        first.Clear();
        WriteSuperblock(first[EROFS_SUPER_OFFSET..], plan, uuid);
        FileAt.WriteAllAt(image.Value, first, 0);
    }

    private static void WriteSuperblock(Span<byte> block, ErofsPlan plan, Guid uuid)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(block, EROFS_SUPER_MAGIC_V1);
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], EROFS_FEATURE_COMPAT_SB_CHKSUM | EROFS_FEATURE_COMPAT_MTIME);
        block[12] = BlockBits;
        BinaryPrimitives.WriteUInt16LittleEndian(block[14..], (ushort)plan.InodeNumber(plan.Root));
        BinaryPrimitives.WriteInt64LittleEndian(block[16..], plan.Nodes.Count);
        BinaryPrimitives.WriteInt64LittleEndian(block[24..], plan.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(block[32..], plan.Nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(block[36..], BlockNumber(plan.End));
        BinaryPrimitives.WriteUInt32LittleEndian(block[40..], BlockNumber(plan.Inodes));
        uuid.TryWriteBytes(block[48..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32LittleEndian(block[80..], plan.Nodes.Any(node => node.Data.Layout == ErofsLayout.ChunkBased) ? EROFS_FEATURE_INCOMPAT_CHUNKED_FILE : 0);
        // CRC-32C over the block from the superblock on, with no checksum in it yet, and not inverted at the end.
        uint crc = uint.MaxValue;
        foreach (byte value in block) crc = BitOperations.Crc32C(crc, value);
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], crc);
    }
}
