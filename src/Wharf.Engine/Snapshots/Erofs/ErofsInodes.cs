using System.Buffers.Binary;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using static Wharf.Engine.Snapshots.Erofs.ErofsFormat;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>Writes directories and inodes where the plan has them.</summary>
internal sealed class ErofsInodes(Fd image, Fd aside, ErofsPlan plan)
{
    private readonly ErofsOutput _directories = new(image, plan.Directories), _inodes = new(image, plan.Inodes);
    private readonly byte[] _copied = new byte[16 << 10];

    public void Write()
    {
        foreach (var node in plan.Nodes)
        {
            _inodes.PadTo(plan.Inodes + node.Place!.At);
            WriteInode(node);
            if (node.XattrSize > 0) WriteXattrs(node);
            if (node.IsDirectory) WriteDirectory(node);
            else if (node.Data.Trailer is { } trailer) _inodes.Write(trailer);
            else CopyTrailer(node.Data.TrailerAt, node.Data.TrailerSize);
        }
        _inodes.PadTo(plan.End);
        _inodes.Flush();
        _directories.Flush();
        SyscallException.Check(Libc.ftruncate(image.Value, plan.End), "ftruncate");
    }

    private void WriteInode(ErofsNode node)
    {
        var (place, data) = (node.Place!, node.Data);
        Span<byte> inode = stackalloc byte[Extended];
        inode = inode[..place.InodeSize];
        inode.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(inode, (ushort)((int)data.Layout << EROFS_I_DATALAYOUT_BIT | (place.IsCompact ? 0 : EROFS_INODE_LAYOUT_EXTENDED)));
        BinaryPrimitives.WriteUInt16LittleEndian(inode[2..], (ushort)(node.XattrSize == 0 ? 0 : (node.XattrSize - XattrHeader) / 4 + 1));
        BinaryPrimitives.WriteUInt16LittleEndian(inode[4..], (ushort)node.Mode);
        BinaryPrimitives.WriteUInt32LittleEndian(inode[16..], Union(node));
        BinaryPrimitives.WriteUInt32LittleEndian(inode[20..], place.Number);
        if (place.IsCompact)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(inode[6..], (ushort)place.Links);
            BinaryPrimitives.WriteUInt32LittleEndian(inode[8..], (uint)data.Size);
            BinaryPrimitives.WriteUInt16LittleEndian(inode[24..], (ushort)node.Uid);
            BinaryPrimitives.WriteUInt16LittleEndian(inode[26..], (ushort)node.Gid);
        }
        else
        {
            BinaryPrimitives.WriteInt64LittleEndian(inode[8..], data.Size);
            BinaryPrimitives.WriteUInt32LittleEndian(inode[24..], node.Uid);
            BinaryPrimitives.WriteUInt32LittleEndian(inode[28..], node.Gid);
            BinaryPrimitives.WriteInt64LittleEndian(inode[32..], node.Seconds);
            BinaryPrimitives.WriteUInt32LittleEndian(inode[40..], node.Nanoseconds);
            BinaryPrimitives.WriteUInt32LittleEndian(inode[44..], place.Links);
        }
        _inodes.Write(inode);
    }

    /// <summary>What <c>i_u</c> says: a device's number as the kernel encodes it, the size of chunks, or the first block.</summary>
    private static uint Union(ErofsNode node) => (node.Mode & FileStat.S_IFMT) switch
    {
        FileStat.S_IFCHR or FileStat.S_IFBLK => node.Minor & 0xff | node.Major << 8 | (node.Minor & ~0xffu) << 12,
        _ => node.Data.Layout == ErofsLayout.ChunkBased ? (uint)node.Data.ChunkBits : node.Data.FirstBlock,
    };

    private void WriteXattrs(ErofsNode node)
    {
        var bytes = new byte[node.XattrSize];
        int at = XattrHeader;
        foreach (var xattr in node.Xattrs)
        {
            xattr.Write(bytes.AsSpan(at));
            at += xattr.Size;
        }
        _inodes.Write(bytes);
    }

    private void WriteDirectory(ErofsNode node)
    {
        int blocks = (int)(node.Data.Size / Block);
        ErofsDirectory.Write(node, plan, block =>
        {
            if (blocks-- <= 0 && node.Data.TrailerSize > 0) _inodes.Write(block);
            else
            {
                _directories.Write(block);
                _directories.PadTo(Aligned(_directories.At, Block));
            }
        });
    }

    private void CopyTrailer(long from, int size)
    {
        while (size > 0)
        {
            int count = FileAt.ReadAt(aside.Value, _copied.AsSpan(0, Math.Min(size, _copied.Length)), from);
            if (count == 0) throw new IOException("what was kept aside of an EROFS image is gone");
            _inodes.Write(_copied.AsSpan(0, count));
            (from, size) = (from + count, size - count);
        }
    }
}
