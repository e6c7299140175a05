using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

public sealed partial class SafeExtractor
{
    private const int MaxParents = 64;

    private readonly Dictionary<byte[], ParentDirectory> _parents = new(ByteStringComparer.Instance);
    private ParentDirectory? _last, _rootParent;
    private byte[]? _rootPath;

    /// <summary>An open directory. <see cref="Resolved"/> is where it really is below the root, links resolved.</summary>
    private sealed record ParentDirectory(Fd Fd, byte[] Path, byte[] Resolved);

    /// <summary>Opens a directory inside the root, making what is missing. Archives come in directory order, so a few open ones serve most members.</summary>
    private ParentDirectory OpenParent(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty) return _rootParent ??= new ParentDirectory(_root, [], []);
        if (_last is not null && path.SequenceEqual(_last.Path)) return _last;
        var lookup = _parents.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (lookup.TryGetValue(path, out var known)) return _last = known;
        var fd = OpenDirectory(path, out bool linked);
        if (fd is null)
        {
            MakeParents(path);
            fd = OpenDirectory(path, out linked) ?? throw new SyscallException("openat2", Errno.ENOENT, Text(path));
        }
        // The last one may still be in use: a hard link needs two.
        if (_parents.Count >= MaxParents) ForgetParentsBut(_last);
        var bytes = path.ToArray();
        _last = new ParentDirectory(fd, bytes, linked ? WhereIs(fd) : bytes);
        _parents.Add(bytes, _last);
        return _last;
    }

    /// <summary>Whether a directory is there, so that <see cref="OpenParent"/> need make none.</summary>
    private bool IsThere(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty || (_last is not null && path.SequenceEqual(_last.Path)) || _parents.GetAlternateLookup<ReadOnlySpan<byte>>().ContainsKey(path)) return true;
        using var found = OpenDirectory(path, out _);
        return found is not null;
    }

    /// <summary>Null when it is not there.</summary>
    private Fd? OpenDirectory(ReadOnlySpan<byte> path, out bool linked)
    {
        linked = false;
        int fd = OpenBelow(path, O.PATH | O.DIRECTORY, Resolve.NoSymlinks);
        if (fd == -Errno.ELOOP)
        {
            linked = true;
            fd = OpenBelow(path, O.PATH | O.DIRECTORY, Resolve.None);
        }
        if (fd >= 0) return new Fd(fd);
        return -fd switch
        {
            Errno.ENOENT => null,
            Errno.EXDEV => throw WharfException.Invalid($"cannot extract into \"{Text(path)}\": a link leads out of the destination"),
            Errno.ENOTDIR or Errno.ELOOP or Errno.ENAMETOOLONG => throw WharfException.Invalid($"cannot extract into \"{Text(path)}\": not a directory", new SyscallException("openat2", -fd, Text(path))),
            _ => throw new SyscallException("openat2", -fd, Text(path)),
        };
    }

    private int OpenBelow(ReadOnlySpan<byte> path, int flags, Resolve extra) =>
        _options.Beneath ? FileAt.OpenBeneath(_root.Value, path, flags, extra) : FileAt.OpenInRoot(_root.Value, path, flags, extra);

    /// <summary>
    /// Makes the missing directories of a path, with the owner and mode they have in the layers below: overlayfs shows the upper
    /// one's, and an archive that leaves them out does not mean to change them.
    /// </summary>
    private void MakeParents(ReadOnlySpan<byte> path)
    {
        for (int end = 0; end < path.Length;)
        {
            int slash = path[(end + 1)..].IndexOf((byte)'/');
            int start = end == 0 ? 0 : end + 1;
            end = slash < 0 ? path.Length : end + 1 + slash;
            using var existing = OpenDirectory(path[..end], out _);
            if (existing is not null) continue;
            var name = path[start..end];
            using var above = OpenDirectory(start == 0 ? [] : path[..(start - 1)], out _) ?? throw new SyscallException("openat2", Errno.ENOENT, Text(path));
            int result = FileAt.MakeDirectory(above.Value, name, 0x1ed);
            if (result == -Errno.EEXIST) throw WharfException.Invalid($"cannot extract into \"{Text(path)}\": \"{Text(path[..end])}\" is a link that leads nowhere");
            FileAt.Check(result, "mkdirat", name);
            var like = LowerDirectory(path[..end]);
            SetNameMetadata(above.Value, name, like?.Mode ?? 0x1ed, like?.Uid ?? 0, like?.Gid ?? 0);
            if (like is { } stat) _directoryTimes.Add((path[..end].ToArray(), stat.ModifiedSeconds, stat.ModifiedNanoseconds));
        }
    }

    /// <summary>Where an open directory lies below the root.</summary>
    private byte[] WhereIs(Fd directory)
    {
        _rootPath ??= FileAt.ReadLink(OpenAt.AT_FDCWD, Encoding.ASCII.GetBytes(_root.ProcPath));
        var path = FileAt.ReadLink(OpenAt.AT_FDCWD, Encoding.ASCII.GetBytes(directory.ProcPath));
        // Outside only when the tree itself is being moved about; the journal then could not find the file again.
        if (!path.AsSpan().StartsWith(_rootPath)) throw new IOException($"{Text(path)} is not below {Text(_rootPath)}");
        return path.AsSpan(_rootPath.Length).TrimStart((byte)'/').ToArray();
    }

    private void ForgetParents()
    {
        foreach (var parent in _parents.Values) parent.Fd.Dispose();
        _parents.Clear();
        _last = null;
    }
}
