using System.Text;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>What an archive has and a tree of it could not be given: devices and extended attributes. The archive itself keeps them.</summary>
public readonly record struct LeftOut(int Devices, int Xattrs);

/// <summary>How <see cref="SafeExtractor"/> puts members in place.</summary>
public sealed record SafeExtractorOptions
{
    public required Limits Limits { get; init; }
    /// <summary>Gives all to one owner instead of the archive's.</summary>
    public (uint Uid, uint Gid)? Owner { get; init; }
    /// <summary>Off leaves all to the process's own user: for tests without root.</summary>
    public bool SetOwner { get; init; } = true;
    /// <summary>Refuses to put a file where a directory is and the other way round.</summary>
    public bool NoOverwriteDirNonDir { get; init; }
    /// <summary>
    /// Refuses links that lead above the destination instead of turning them back at it. For a destination inside a root, where such a
    /// link honestly means another place and following it would put files where nobody asked (CVE-2026-17106).
    /// </summary>
    public bool Beneath { get; init; }
    /// <summary>Files get their size and none of their data: a tree to compare another with, which costs no room.</summary>
    internal bool Hollow { get; init; }
    /// <summary>What becomes of a layer; null extracts a plain archive, in which whiteouts are ordinary names.</summary>
    internal LayerExtraction? Layer { get; init; }
}

/// <summary>What unpacking an OCI layer needs beyond a plain archive.</summary>
internal sealed record LayerExtraction
{
    /// <summary>
    /// Opens the layers below once they are there; null of the lowest. They may be unpacked at the same time as this one, which looks into them
    /// only where it must. Called once at most.
    /// </summary>
    public required Func<Task<MergedDirectory?>> OpenLower { get; init; }
    /// <summary>The layers below are there: nobody waits for them.</summary>
    public bool LowerIsThere { get; init; }
    /// <summary>Where files of the layers below have their contents that their trees have only the names of.</summary>
    public required Snapshots.Objects.ObjectStore Objects { get; init; }
    /// <summary>Where a file goes that a later member of the same layer replaces: the layer's tar still needs its bytes.</summary>
    public required Fd Kept { get; init; }
    /// <summary>Told of each file with data, once it is written and before the next member is read.</summary>
    public required LayerJournal Journal { get; init; }
}

/// <summary>
/// Extracts a tar below a directory that hostile members cannot leave: parent directories are opened by the kernel with that
/// directory as their root (openat2, RESOLVE_IN_ROOT), and the last part is worked on relative to the parent's descriptor without
/// following links (SECURITY invariant 1; CVE-2014-9356, CVE-2018-15664, CVE-2021-29136, CVE-2025-47290).
/// </summary>
public sealed partial class SafeExtractor : IDisposable
{
    private readonly Fd _root;
    private readonly SafeExtractorOptions _options;
    private readonly EntryPath _path, _target;
    private readonly List<(byte[] Path, long Seconds, uint Nanoseconds)> _directoryTimes = [];
    private bool _rootOpaque, _rootPlaced, _lowerKnown;
    private MergedDirectory? _lower;

    /// <summary><paramref name="root"/> stays the caller's; an O_PATH descriptor will do.</summary>
    public SafeExtractor(Fd root, SafeExtractorOptions options)
    {
        (_root, _options) = (root, options);
        _lowerKnown = _rootPlaced = options.Layer is null;
        // A PAX path in a cleaned form is never longer than it was.
        (_path, _target) = (new EntryPath(options.Limits.MaxTarNameLength + 1), new EntryPath(options.Limits.MaxTarNameLength + 1));
    }

    /// <summary>Bytes of all files extracted, holes counted.</summary>
    public long Bytes { get; private set; }

    /// <summary>What could not be made here.</summary>
    public LeftOut LeftOut { get; private set; }

    /// <summary>Files of lower layers that a hard link brought into this one: their data is not in the archive.</summary>
    internal HashSet<byte[]> CopiedUp { get; } = new(ByteStringComparer.Instance);

    /// <summary>Extracts all members, then gives the directories their times.</summary>
    public async Task ExtractAsync(TarReader reader, CancellationToken cancellation)
    {
        if (_options.Layer is { LowerIsThere: true }) await KnowLowerAsync(cancellation).ConfigureAwait(false);
        while (await reader.ReadNextAsync(cancellation).ConfigureAwait(false) is { } entry)
        {
            Bytes += entry.Type == TarType.Symlink ? entry.LinkName.Length : entry.Size; // as stat(2) counts it
            if (Bytes > _options.Limits.MaxLayerBytes) throw WharfException.Invalid($"invalid tar: unpacks to more than {_options.Limits.MaxLayerBytes} bytes");
            _path.Set(entry.Name);
            if (_path.IsRoot)
            {
                PlaceRoot(entry);
                continue;
            }
            if (!_lowerKnown && !IsThere(_path.Parent)) await KnowLowerAsync(cancellation).ConfigureAwait(false);
            if (_options.Layer is not null && PlaceWhiteout()) continue;
            if (entry.IsFile) await PlaceFileAsync(entry, reader, cancellation).ConfigureAwait(false);
            else if (entry.Type == TarType.HardLink) await PlaceHardLinkAsync(entry, cancellation).ConfigureAwait(false);
            else Place(entry);
        }
        if (_rootOpaque || !_rootPlaced) await KnowLowerAsync(cancellation).ConfigureAwait(false);
        if (!_rootPlaced) MakeRootLikeLower();
        if (_rootOpaque) HideLowerRoot();
        SetDirectoryTimes();
    }

    private async ValueTask PlaceFileAsync(TarEntry entry, TarReader reader, CancellationToken cancellation)
    {
        var parent = OpenParent(_path.Parent);
        using var file = CreateFile(parent, entry);
        for (var data = await reader.ReadDataAsync(cancellation).ConfigureAwait(false); !data.IsEmpty; data = await reader.ReadDataAsync(cancellation).ConfigureAwait(false))
        {
            if (_options.Hollow) continue;
            if (entry.Sparse is null) FileAt.WriteAll(file.Value, data.Span);
            else FileAt.WriteAllAt(file.Value, data.Span, reader.DataOffset);
        }
        if (entry.Sparse is not null || _options.Hollow) SyscallException.Check(Libc.ftruncate(file.Value, entry.Size), "ftruncate", entry.NameText);
        var stat = SetFileMetadata(file.Value, entry);
        if (entry.Size > 0) _options.Layer?.Journal.File(parent.Resolved, _path.Name, stat.Inode, entry);
    }

    private Fd CreateFile(ParentDirectory parent, TarEntry entry)
    {
        for (int attempt = 0; ; attempt++)
        {
            int fd = FileAt.Open(parent.Fd.Value, _path.Name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, entry.Mode & 0x1ff);
            if (fd >= 0) return new Fd(fd);
            if (fd != -Errno.EEXIST || attempt > MaxReplacements) throw Failed("open", fd, entry);
            MakeWay(parent, entry);
        }
    }

    private void Place(TarEntry entry)
    {
        var parent = OpenParent(_path.Parent);
        switch (entry.Type)
        {
            case TarType.Directory:
                PlaceDirectory(parent, entry);
                break;
            case TarType.Symlink:
                Repeat(parent, entry, "symlinkat", static (parent, name, entry) => FileAt.Symlink(entry.LinkName, parent, name));
                break;
            case TarType.CharDevice or TarType.BlockDevice:
                if (!TryPlaceDevice(parent, entry)) return;
                break;
            case TarType.Fifo:
                Repeat(parent, entry, "mknodat", static (parent, name, entry) => FileAt.MakeNode(parent, name, FileStat.S_IFIFO | entry.Mode, 0, 0));
                break;
            default:
                throw WharfException.Invalid($"unhandled tar header type {entry.Type}");
        }
        SetMetadata(parent, _path.Name, entry);
        if (!entry.IsDirectory) FileAt.Check(FileAt.SetTimes(parent.Fd.Value, _path.Name, entry.ModifiedSeconds, entry.ModifiedNanoseconds), "utimensat", _path.Name);
        else _directoryTimes.Add((_path.All.ToArray(), entry.ModifiedSeconds, entry.ModifiedNanoseconds));
    }

    /// <summary>Inside a user namespace there are no devices: of a layer's only a whiteout is left, so that what lies below stays hidden. False then.</summary>
    private bool TryPlaceDevice(ParentDirectory parent, TarEntry entry)
    {
        bool made = true;
        Repeat(parent, entry, "mknodat", (directory, name, device) =>
        {
            uint type = device.Type == TarType.CharDevice ? FileStat.S_IFCHR : FileStat.S_IFBLK;
            int result = FileAt.MakeNode(directory, name, type | device.Mode, device.DeviceMajor, device.DeviceMinor);
            if (result != -Errno.EPERM || !UserNamespace.IsInner) return result;
            made = false;
            return _options.Layer is null ? 0 : FileAt.MakeNode(directory, name, FileStat.S_IFCHR, 0, 0);
        });
        if (!made) LeftOut = LeftOut with { Devices = LeftOut.Devices + 1 };
        return made;
    }

    private delegate int Placement(int parent, ReadOnlySpan<byte> name, TarEntry entry);

    // In a running container something else may appear between making way and placing, hence the few repetitions.
    private const int MaxReplacements = 8;

    private void Repeat(ParentDirectory parent, TarEntry entry, string call, Placement place)
    {
        for (int attempt = 0; ; attempt++)
        {
            int result = place(parent.Fd.Value, _path.Name, entry);
            if (result >= 0) return;
            if (result != -Errno.EEXIST || attempt > MaxReplacements) throw Failed(call, result, entry);
            MakeWay(parent, entry);
        }
    }

    private void PlaceDirectory(ParentDirectory parent, TarEntry entry)
    {
        for (int attempt = 0; ; attempt++)
        {
            int result = FileAt.MakeDirectory(parent.Fd.Value, _path.Name, entry.Mode & 0x1ff);
            if (result >= 0) return;
            if (result != -Errno.EEXIST || attempt > MaxReplacements) throw Failed("mkdirat", result, entry);
            FileAt.Check(FileAt.Stat(parent.Fd.Value, _path.Name, out var stat), "statx", _path.Name);
            if (stat.IsDirectory) return;
            bool hidden = _options.Layer is not null && stat.IsWhiteout;
            MakeWay(parent, entry);
            if (!hidden) continue;
            // Removed below and made anew here: without the mark overlayfs would merge the two.
            FileAt.Check(FileAt.MakeDirectory(parent.Fd.Value, _path.Name, entry.Mode & 0x1ff), "mkdirat", _path.Name);
            MarkOpaque(parent.Fd.Value, _path.Name);
            return;
        }
    }

    private async ValueTask PlaceHardLinkAsync(TarEntry entry, CancellationToken cancellation)
    {
        _target.Set(entry.LinkName);
        if (_target.IsRoot) throw WharfException.Invalid($"invalid tar: \"{entry.NameText}\" is a hard link to the root");
        if (!_lowerKnown && !IsThere(_target.Parent)) await KnowLowerAsync(cancellation).ConfigureAwait(false);
        if (TryPlaceHardLink(entry)) return;
        await KnowLowerAsync(cancellation).ConfigureAwait(false);
        if (CopyUp(_target) && TryPlaceHardLink(entry)) return;
        throw WharfException.Invalid($"invalid tar: \"{entry.NameText}\" is a hard link to \"{entry.LinkNameText}\", which is not there");
    }

    /// <summary>False when what it names is not there.</summary>
    private bool TryPlaceHardLink(TarEntry entry)
    {
        var parent = OpenParent(_path.Parent);
        for (int attempt = 0; ; attempt++)
        {
            var target = OpenParent(_target.Parent);
            int result = FileAt.Link(target.Fd.Value, _target.Name, parent.Fd.Value, _path.Name);
            if (result >= 0) return true;
            if (result == -Errno.ENOENT) return false;
            if (result != -Errno.EEXIST || attempt > MaxReplacements) throw Failed("linkat", result, entry);
            // A link to itself, or made a second time: nothing to do, and making way would lose the file.
            if (FileAt.Stat(target.Fd.Value, _target.Name, out var old) == 0 && FileAt.Stat(parent.Fd.Value, _path.Name, out var now) == 0 && old.SameFile(now)) return true;
            MakeWay(parent, entry);
            parent = OpenParent(_path.Parent);
        }
    }

    private static Exception Failed(string call, int result, TarEntry entry) => -result switch
    {
        Errno.ENOTDIR or Errno.ENAMETOOLONG or Errno.EISDIR or Errno.ELOOP or Errno.EINVAL or Errno.EPERM when call is "linkat" or "open" or "mkdirat" or "symlinkat" =>
            WharfException.Invalid($"cannot extract \"{entry.NameText}\"", new SyscallException(call, -result, entry.NameText)),
        _ => new SyscallException(call, -result, entry.NameText),
    };

    private static string Text(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name);

    /// <summary>Closes the directories it holds open.</summary>
    public void Dispose() => ForgetParents();
}
