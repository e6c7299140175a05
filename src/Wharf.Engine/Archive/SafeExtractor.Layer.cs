using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

public sealed partial class SafeExtractor
{
    internal static ReadOnlySpan<byte> WhiteoutPrefix => ".wh."u8;
    internal static ReadOnlySpan<byte> WhiteoutMetaPrefix => ".wh..wh."u8;
    internal static ReadOnlySpan<byte> OpaqueWhiteout => ".wh..wh..opq"u8;

    /// <summary>
    /// Turns an OCI whiteout (image-spec, layer.md, "Whiteouts") into overlayfs's form. True when the current member was one. It hides
    /// what lies below and nothing of its own layer, wherever in the archive it stands.
    /// </summary>
    private bool PlaceWhiteout()
    {
        var name = _path.Name;
        if (!name.StartsWith(WhiteoutPrefix)) return false;
        var parent = OpenParent(_path.Parent);
        if (name.SequenceEqual(OpaqueWhiteout))
        {
            if (_path.Parent.IsEmpty) _rootOpaque = true;
            else MarkOpaque(parent.Fd.Value, []);
            return true;
        }
        // Bookkeeping of aufs, which old images still carry.
        if (name.StartsWith(WhiteoutMetaPrefix)) return true;
        var hidden = name[WhiteoutPrefix.Length..];
        if (hidden.IsEmpty || hidden.SequenceEqual("."u8) || hidden.SequenceEqual(".."u8)) throw WharfException.Invalid($"invalid tar: whiteout \"{Text(_path.All)}\"");
        Hide(parent.Fd.Value, hidden);
        return true;
    }

    private static void Hide(int parent, ReadOnlySpan<byte> name)
    {
        int result = FileAt.MakeNode(parent, name, FileStat.S_IFCHR, 0, 0);
        if (result >= 0) return;
        if (result != -Errno.EEXIST) throw new SyscallException("mknodat", -result, Text(name));
        FileAt.Check(FileAt.Stat(parent, name, out var stat), "statx", name);
        if (stat.IsDirectory) MarkOpaque(parent, name);
    }

    private static void MarkOpaque(int parent, ReadOnlySpan<byte> name) =>
        FileAt.Check(Xattr.Set(parent, name, OverlayMarks.Opaque, "y"u8), "setxattr", name);

    /// <summary>overlayfs merges the roots of all layers whatever their marks, so an opaque root hides each name below by itself.</summary>
    private void HideLowerRoot()
    {
        if (_lower is not { } lower) return;
        foreach (var name in lower.Names()) Hide(_root.Value, name);
    }

    /// <summary>The root of the uppermost layer is the one that shows; a layer that does not speak of it leaves it as it was.</summary>
    private void MakeRootLikeLower()
    {
        if (_lower is not { } lower || !lower.TryStat("."u8, out var stat, out _)) return;
        SetNameMetadata(_root.Value, "."u8, stat.Mode, stat.Uid, stat.Gid);
        _directoryTimes.Add(([], stat.ModifiedSeconds, stat.ModifiedNanoseconds));
    }

    /// <summary>Waits until the layers below are unpacked.</summary>
    private async ValueTask KnowLowerAsync(CancellationToken cancellation)
    {
        if (_lowerKnown) return;
        _lower = await _options.Layer!.OpenLower().WaitAsync(cancellation).ConfigureAwait(false);
        _lowerKnown = true;
    }

    private FileStat? LowerDirectory(ReadOnlySpan<byte> path) =>
        WithLower(path, static (lower, name) => lower.TryStat(name, out var stat, out _) && stat.IsDirectory ? stat : (FileStat?)null);

    private delegate T LowerAction<T>(MergedDirectory lower, ReadOnlySpan<byte> name);

    /// <summary>Goes down to the parent of a path in the layers below; default when there is no such directory.</summary>
    private T? WithLower<T>(ReadOnlySpan<byte> path, LowerAction<T> action)
    {
        if (!_lowerKnown) throw new InvalidOperationException("the layers below are not there yet");
        if (_lower is not { } lower) return default;
        MergedDirectory? owned = null;
        try
        {
            for (int slash; (slash = path.IndexOf((byte)'/')) >= 0; path = path[(slash + 1)..])
            {
                var next = lower.Enter(path[..slash]);
                owned?.Dispose();
                owned = next;
                if (next is null) return default;
                lower = next;
            }
            return action(lower, path);
        }
        finally
        {
            owned?.Dispose();
        }
    }

    /// <summary>
    /// Copies a file of a lower layer into this one, for a hard link that names it: in the finished stack both names must be one file.
    /// </summary>
    private bool CopyUp(EntryPath path)
    {
        var parent = OpenParent(path.Parent);
        var name = path.Name.ToArray();
        CopiedUp.Add(path.All.ToArray());
        return WithLower(path.All, (lower, last) =>
        {
            if (!lower.TryStat(last, out var stat, out int directory) || !stat.IsRegular) return false;
            using var source = _options.Layer!.Objects.Follow(new Fd(FileAt.Check(FileAt.Open(directory, last, O.RDONLY | O.NOFOLLOW), "open", last)));
            using var copy = new Fd(FileAt.Check(FileAt.Open(parent.Fd.Value, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180), "open", name));
            var buffer = new byte[64 << 10];
            long offset = 0;
            for (int count; (count = FileAt.ReadAt(source.Value, buffer, offset)) > 0; offset += count) FileAt.WriteAll(copy.Value, buffer.AsSpan(0, count));
            SyscallException.Check(Libc.fchown(copy.Value, stat.Uid, stat.Gid), "fchown");
            foreach (var attribute in Xattr.List(directory, last))
            {
                if (IsAllowed(attribute) && Xattr.Get(directory, last, attribute) is { } value) CheckXattr(Xattr.Set(copy.Value, attribute, value), attribute);
            }
            SyscallException.Check(Libc.fchmod(copy.Value, stat.Permissions), "fchmod");
            FileAt.Check(FileAt.SetTimes(copy.Value, stat.ModifiedSeconds, stat.ModifiedNanoseconds), "futimens", name);
            return true;
        });
    }
}
