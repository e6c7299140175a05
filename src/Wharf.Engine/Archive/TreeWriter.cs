using System.Text;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>What <see cref="TreeWriter"/> puts into the tar.</summary>
public sealed record TreeWriterOptions
{
    /// <summary>Turns overlayfs's marks of an upper directory into OCI whiteouts.</summary>
    public bool Whiteouts { get; init; }
    /// <summary>Goes into other file systems mounted in the tree; otherwise a mount point is an empty directory or file.</summary>
    public bool CrossMounts { get; init; }
    /// <summary>Of a file system mounted in the tree: true leaves out what its top directory holds.</summary>
    public Func<Fd, bool>? PassOver { get; init; }
    public int MaxNameLength { get; init; } = new Limits().MaxTarNameLength;
    /// <summary>Sees each entry before it is written and may change it; false leaves it out, of a directory also all below it.</summary>
    public Func<TarEntry, bool>? Admit { get; init; }
    /// <summary>Sees each entry that was admitted; false leaves it out alone, of a directory not what is below it.</summary>
    public Func<TarEntry, bool>? Take { get; init; }
}

/// <summary>
/// Writes a directory tree as tar: names sorted by bytes, hard links found, times cut to whole seconds (as every container tool
/// does, so that the same tree gives the same layer everywhere), sockets left out. Follows no link and opens no device, whatever a
/// running container exchanges meanwhile.
/// </summary>
internal sealed class TreeWriter(TarWriter tar, TreeWriterOptions options)
{
    private readonly Dictionary<(uint, uint, ulong), byte[]> _linked = [];
    private const int MaxPiece = 128 << 10;

    /// <summary>As large as the largest file until now, up to a piece.</summary>
    private byte[] _buffer = [];
    private ulong _mount;

    /// <summary>Writes what a directory holds, without an entry for itself. <paramref name="prefix"/> is empty or ends with a slash.</summary>
    public async Task WriteChildrenAsync(Fd directory, byte[] prefix, CancellationToken cancellation)
    {
        _mount = FileStat.Of(directory).MountId;
        using var readable = new Fd(FileAt.Check(FileAt.Open(directory.Value, "."u8, O.RDONLY | O.DIRECTORY), "open", prefix));
        await WriteNamesAsync(readable, prefix, cancellation).ConfigureAwait(false);
    }

    /// <summary>Writes one name of a directory, and all below it, under another name.</summary>
    public async Task WriteNameAsync(Fd parent, byte[] name, byte[] entryName, CancellationToken cancellation)
    {
        FileAt.Check(FileAt.Stat(parent.Value, name, out var stat), "statx", name);
        _mount = stat.MountId;
        await WriteAsync(parent, name, entryName, cancellation).ConfigureAwait(false);
    }

    /// <summary>Writes one name and nothing below it; of one that is gone nothing.</summary>
    public async Task WriteAloneAsync(Fd parent, byte[] name, byte[] entryName, CancellationToken cancellation)
    {
        if (FileAt.Stat(parent.Value, name, out var stat) == -Errno.ENOENT || Describe(parent, name, entryName, stat) is not { } entry) return;
        if (entry.IsFile) await WriteFileAsync(parent, name, entry, covered: false, cancellation).ConfigureAwait(false);
        else await tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
    }

    /// <summary>Writes that a name of the layers below is gone.</summary>
    public async Task WriteWhiteoutAsync(byte[] entryName, CancellationToken cancellation) => await tar.WriteEntryAsync(Whiteout(entryName, default), cancellation).ConfigureAwait(false);

    private async Task WriteNamesAsync(Fd directory, byte[] prefix, CancellationToken cancellation)
    {
        foreach (var name in options.Whiteouts ? OverlayMarks.NamesIn(directory) : DirectoryEntries.Read(directory.Value))
            await WriteAsync(directory, name, [.. prefix, .. name], cancellation).ConfigureAwait(false);
    }

    private async Task WriteAsync(Fd directory, byte[] name, byte[] entryName, CancellationToken cancellation)
    {
        if (entryName.Length > options.MaxNameLength) throw WharfException.Invalid($"cannot archive a path of {entryName.Length} bytes: {Encoding.UTF8.GetString(entryName.AsSpan(0, 64))}…");
        int result = FileAt.Stat(directory.Value, name, out var stat);
        // Gone since the directory was read: a running container may do that.
        if (result == -Errno.ENOENT) return;
        FileAt.Check(result, "statx", name);
        if (options.Whiteouts && stat.IsWhiteout)
        {
            await tar.WriteEntryAsync(Whiteout(entryName, stat), cancellation).ConfigureAwait(false);
            return;
        }
        if (Describe(directory, name, entryName, stat) is not { } entry) return;
        bool admitted = options.Admit?.Invoke(entry) != false, taken = admitted && options.Take?.Invoke(entry) != false;
        if (!taken) Forget(entry, stat);
        if (!admitted) return;
        bool covered = !options.CrossMounts && stat.MountId != _mount;
        if (taken && entry.IsFile) await WriteFileAsync(directory, name, entry, covered, cancellation).ConfigureAwait(false);
        else if (taken) await tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
        if (entry.IsDirectory && !covered) await DescendAsync(directory, name, entry, cancellation).ConfigureAwait(false);
    }

    /// <summary>Nothing can be a hard link to what is not written.</summary>
    private void Forget(TarEntry entry, in FileStat stat)
    {
        var key = (stat.DeviceMajor, stat.DeviceMinor, stat.Inode);
        if (_linked.TryGetValue(key, out var first) && ReferenceEquals(first, entry.Name)) _linked.Remove(key);
    }

    private async Task DescendAsync(Fd directory, byte[] name, TarEntry entry, CancellationToken cancellation)
    {
        if (options.Whiteouts && OverlayMarks.IsOpaque(directory.Value, name))
        {
            await tar.WriteEntryAsync(new TarEntry
            {
                Name = [.. entry.Name, .. SafeExtractor.OpaqueWhiteout], Mode = entry.Mode & 0x1ff, Uid = entry.Uid, Gid = entry.Gid, ModifiedSeconds = entry.ModifiedSeconds,
            }, cancellation).ConfigureAwait(false);
        }
        int fd = FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
        if (fd is -Errno.ENOENT or -Errno.ENOTDIR or -Errno.ELOOP) return;
        using var child = new Fd(FileAt.Check(fd, "open", name));
        if (options.PassOver is { } passOver && FileStat.Of(child).MountId != _mount && passOver(child)) return;
        await WriteNamesAsync(child, entry.Name, cancellation).ConfigureAwait(false);
    }

    private async Task WriteFileAsync(Fd directory, byte[] name, TarEntry entry, bool covered, CancellationToken cancellation)
    {
        if (covered)
        {
            entry.Size = 0;
            await tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
            return;
        }
        // O_NONBLOCK: a pipe put here meanwhile must not hold us.
        int fd = FileAt.Open(directory.Value, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
        if (fd is -Errno.ENOENT or -Errno.ELOOP or -Errno.ENXIO) return;
        using var file = new Fd(FileAt.Check(fd, "open", name));
        var stat = FileStat.Of(file);
        if (!stat.IsRegular) return;
        entry.Size = stat.Size;
        await tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
        int piece = (int)Math.Min(MaxPiece, entry.Size);
        if (_buffer.Length < piece) _buffer = GC.AllocateUninitializedArray<byte>(piece);
        for (long offset = 0; offset < entry.Size;)
        {
            int wanted = (int)Math.Min(_buffer.Length, entry.Size - offset);
            int count = FileAt.ReadAt(file.Value, _buffer.AsSpan(0, wanted), offset);
            if (count == 0)
            {
                // Cut short while we read: the header is out, so zeros stand for the rest, as a read of the grown file would give.
                _buffer.AsSpan(0, wanted).Clear();
                count = wanted;
            }
            await tar.WriteDataAsync(_buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
            offset += count;
        }
    }

    /// <summary>The entry of a name; null for what a tar cannot hold (sockets).</summary>
    private TarEntry? Describe(Fd directory, byte[] name, byte[] entryName, in FileStat stat)
    {
        if (stat.Type == FileStat.S_IFSOCK) return null;
        var entry = new TarEntry
        {
            Name = stat.IsDirectory && !entryName.AsSpan().EndsWith("/"u8) ? [.. entryName, (byte)'/'] : entryName,
            Mode = stat.Permissions, Uid = stat.Uid, Gid = stat.Gid, ModifiedSeconds = stat.ModifiedSeconds,
            Type = stat.Type switch
            {
                FileStat.S_IFDIR => TarType.Directory,
                FileStat.S_IFLNK => TarType.Symlink,
                FileStat.S_IFCHR => TarType.CharDevice,
                FileStat.S_IFBLK => TarType.BlockDevice,
                FileStat.S_IFIFO => TarType.Fifo,
                _ => TarType.File,
            },
        };
        if (stat.Links > 1 && !stat.IsDirectory)
        {
            var key = (stat.DeviceMajor, stat.DeviceMinor, stat.Inode);
            if (_linked.TryGetValue(key, out var first))
            {
                (entry.Type, entry.LinkName) = (TarType.HardLink, first);
                return entry;
            }
            _linked.Add(key, entry.Name);
        }
        if (entry.Type is TarType.CharDevice or TarType.BlockDevice) (entry.DeviceMajor, entry.DeviceMinor) = (stat.RdevMajor, stat.RdevMinor);
        if (stat.IsSymlink) entry.LinkName = FileAt.ReadLink(directory.Value, name);
        else if (stat.IsRegular || stat.IsDirectory) entry.Xattrs = Xattrs(directory, name);
        return entry;
    }

    private static List<TarXattr>? Xattrs(Fd directory, byte[] name)
    {
        List<TarXattr>? xattrs = null;
        foreach (var attribute in Xattr.List(directory.Value, name))
        {
            if (IsPortable(attribute) && Xattr.Get(directory.Value, name, attribute) is { } value) (xattrs ??= []).Add(new TarXattr(attribute, value));
        }
        return xattrs;
    }

    /// <summary>Attributes that mean the same on another machine; labels of this one's security module do not, nor what only puts layers over each other.</summary>
    private static bool IsPortable(ReadOnlySpan<byte> name) =>
        name.StartsWith("user."u8) && !OverlayMarks.IsMark(name) || name.SequenceEqual("security.capability"u8) || name.StartsWith("system.posix_acl_"u8);

    private static TarEntry Whiteout(byte[] name, in FileStat stat)
    {
        int start = name.AsSpan().LastIndexOf((byte)'/') + 1;
        return new TarEntry
        {
            Name = [.. name.AsSpan(0, start), .. SafeExtractor.WhiteoutPrefix, .. name.AsSpan(start)], Uid = stat.Uid, Gid = stat.Gid, ModifiedSeconds = stat.ModifiedSeconds,
        };
    }
}
