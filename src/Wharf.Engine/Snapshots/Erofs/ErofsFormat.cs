namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>Numbers of the format on disk (Linux, fs/erofs/erofs_fs.h and filesystems/erofs.rst), under the kernel's names.</summary>
internal static class ErofsFormat
{
    public const int BlockBits = 12, Block = 1 << BlockBits;
    public const int EROFS_SUPER_OFFSET = 1024;
    public const uint EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
    public const uint EROFS_FEATURE_COMPAT_SB_CHKSUM = 1, EROFS_FEATURE_COMPAT_MTIME = 2;
    public const uint EROFS_FEATURE_INCOMPAT_CHUNKED_FILE = 4;

    /// <summary>An inode's number is its place in slots of this size.</summary>
    public const int Slot = 32;
    public const int Compact = 32, Extended = 64;
    public const int EROFS_INODE_LAYOUT_EXTENDED = 1, EROFS_I_DATALAYOUT_BIT = 1;

    /// <summary>No longer tail of a file is put behind its inode: a block of its own loses less than where the next inode then has to go.</summary>
    public const int MostInline = Block / 2;

    public const int Dirent = 12;
    public const int EROFS_NAME_LEN = 255;

    public const int XattrHeader = 12, XattrEntry = 4;
    public const int MostXattrValue = ushort.MaxValue;
    /// <summary>What an inode can count in words of four bytes (<c>i_xattr_icount</c>).</summary>
    public const int MostXattrs = XattrHeader + (ushort.MaxValue - 1) * 4;

    public const int ChunkIndex = 4;
    /// <summary>A chunk has at most this many blocks, as a power of two (<c>EROFS_CHUNK_FORMAT_BLKBITS_MASK</c>).</summary>
    public const int MostChunkBits = 31;
    public const uint EROFS_NULL_ADDR = uint.MaxValue;

    /// <summary>A type as directories have it (linux/fs_types.h, <c>FT_*</c>), of a file's mode.</summary>
    public static byte FileType(uint mode) => (mode >> 12) switch { 8 => 1, 4 => 2, 2 => 3, 6 => 4, 1 => 5, 12 => 6, 10 => 7, _ => 0 };

    public static long Aligned(long value, long to) => (value + to - 1) / to * to;
}

/// <summary>How the data of an inode lies (<c>EROFS_INODE_*</c>).</summary>
internal enum ErofsLayout
{
    /// <summary>In blocks one after the other.</summary>
    FlatPlain = 0,
    /// <summary>The same, but for the last part, which follows the inode.</summary>
    FlatInline = 2,
    /// <summary>In chunks, whose places (or holes) follow the inode.</summary>
    ChunkBased = 4,
}
