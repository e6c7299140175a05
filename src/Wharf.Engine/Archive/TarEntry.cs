using System.Text;

namespace Wharf.Engine.Archive;

/// <summary>Type flags of a tar header (POSIX pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").</summary>
public static class TarType
{
    public const byte OldFile = 0, File = (byte)'0', HardLink = (byte)'1', Symlink = (byte)'2', CharDevice = (byte)'3', BlockDevice = (byte)'4',
        Directory = (byte)'5', Fifo = (byte)'6', Contiguous = (byte)'7', PaxHeader = (byte)'x', PaxGlobal = (byte)'g',
        GnuLongName = (byte)'L', GnuLongLink = (byte)'K', GnuSparse = (byte)'S';
}

/// <summary>An extended attribute. Both parts are bytes: values often are binary (<c>security.capability</c>).</summary>
public readonly record struct TarXattr(byte[] Name, byte[] Value);

/// <summary>A piece of a sparse file that holds data, bytes from the file's start.</summary>
public readonly record struct SparsePiece(long Offset, long Length);

/// <summary>
/// One member of a tar, with everything its headers say. Names are bytes as they stand in the archive, neither cleaned nor checked
/// for <c>..</c>: who extracts must go through <see cref="SafeExtractor"/>.
/// </summary>
public sealed class TarEntry
{
    /// <summary>One of <see cref="TarType"/>; sparse and contiguous files are given as <see cref="TarType.File"/>.</summary>
    public byte Type { get; set; } = TarType.File;
    public byte[] Name { get; set; } = [];
    public byte[] LinkName { get; set; } = [];
    /// <summary>Permission bits with setuid, setgid and sticky.</summary>
    public uint Mode { get; set; }
    public uint Uid { get; set; }
    public uint Gid { get; set; }
    /// <summary>Bytes of the file's content, holes included.</summary>
    public long Size { get; set; }
    /// <summary>Seconds since 1970, may be negative.</summary>
    public long ModifiedSeconds { get; set; }
    public uint ModifiedNanoseconds { get; set; }
    public uint DeviceMajor { get; set; }
    public uint DeviceMinor { get; set; }
    public List<TarXattr>? Xattrs { get; set; }
    /// <summary>Where a sparse file's data lies, in order and without overlap; null of a plain file.</summary>
    public List<SparsePiece>? Sparse { get; set; }

    /// <summary>The name for messages and for formats whose names are text; bytes that are not UTF-8 become U+FFFD.</summary>
    public string NameText => Encoding.UTF8.GetString(Name);
    public string LinkNameText => Encoding.UTF8.GetString(LinkName);
    public bool IsFile => Type == TarType.File;
    public bool IsDirectory => Type == TarType.Directory;
}
