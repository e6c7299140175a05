using System.Text;
using System.Threading.Channels;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>What of a client's directory is wanted.</summary>
/// <param name="FollowPaths">Only these, and what links among them lead to; null for all.</param>
/// <param name="Anew">All of it travels, whatever came before: a Dockerfile of another directory of the same name may have the same size and time.</param>
internal sealed record SyncFilter(string Name, IReadOnlyList<string>? Includes = null, IReadOnlyList<string>? Excludes = null, IReadOnlyList<string>? FollowPaths = null, bool Anew = false);

/// <summary>
/// Makes a directory the same as one of the client's: the client lists all it has, and only files that are not the same here (by size and time)
/// are asked for. Nothing is trusted of the client: each name goes into the directory named before it, links not followed; what it lists has a limit;
/// and a file is open only while its bytes come, however many were asked for.
/// </summary>
internal sealed class DirectoryReceiver : IDisposable
{
    private const int MaxEntries = 5_000_000, MaxOpen = 256;
    /// <summary>Bytes of names and attributes that a client may list.</summary>
    private const long MaxList = 1L << 30;
    /// <summary>The kernel's for a path (PATH_MAX), the zero at its end included.</summary>
    private const int MaxPath = 4096;

    private readonly Fd _root;
    private readonly int _rootLength;
    private readonly Action<long> _received;
    private readonly Dictionary<uint, Incoming> _awaited = [];
    private readonly List<Stat> _links = [];
    private readonly HashSet<string> _present = new(StringComparer.Ordinal);
    private readonly List<Stat> _directories = [];
    private readonly Channel<Packet> _answers = Channel.CreateUnbounded<Packet>(new UnboundedChannelOptions { SingleReader = true });
    /// <summary>The list and the bytes go through the directories each at its own pace.</summary>
    private readonly OpenedParent _listing = new(), _filling = new();
    private uint _next;
    private bool _listed;
    private long _bytes, _listBytes;
    private int _open;

    /// <summary>A file that was asked for, and its descriptor from its first bytes to its last.</summary>
    private sealed class Incoming(string path, Stat stat)
    {
        public string Path { get; } = path;
        public Stat Stat { get; } = stat;
        public Fd? File { get; set; }
        public long Written { get; set; }
    }

    private DirectoryReceiver(Fd root, string directory, Action<long> received) => (_root, _rootLength, _received) = (root, Encoding.UTF8.GetByteCount(directory), received);

    /// <param name="received">Told how many bytes have come so far.</param>
    public static async Task ReceiveAsync(ClientSession session, SyncFilter filter, string directory, Action<long> received, CancellationToken cancellation)
    {
        if (!session.Offers("/moby.filesync.v1.FileSync/DiffCopy")) throw WharfException.Invalid("no local sources enabled");
        using var root = OpenAt.Open(directory, O.RDONLY | O.DIRECTORY);
        using var receiver = new DirectoryReceiver(root, directory, received);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var call = new FileSync.FileSyncClient(session.Calls).DiffCopy(Options(filter), cancellationToken: over.Token);
        var answering = receiver.AnswerAsync(call.RequestStream, over.Token);
        try
        {
            await receiver.RunAsync(call.ResponseStream, over.Token);
            await answering;
        }
        catch (RpcException error)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new WharfException(error.StatusCode == StatusCode.NotFound ? ErrorKind.NotFound : ErrorKind.Unavailable, error.Status.Detail, error);
        }
        finally
        {
            await over.CancelAsync();
            await answering.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private static Metadata Options(SyncFilter filter)
    {
        var options = new Metadata();
        Add("dir-name", [filter.Name]);
        Add("include-patterns", filter.Includes);
        Add("exclude-patterns", filter.Excludes);
        Add("followpaths", filter.FollowPaths);
        return options;

        void Add(string key, IReadOnlyList<string>? values)
        {
            if (values is null) return;
            // Headers are ASCII, and a comma between values must not be one of a value: the text is escaped as in a query, and said to be.
            foreach (var value in values) options.Add(key, Uri.EscapeDataString(value));
            options.Add(key + "-encoded", "1");
        }
    }

    private static readonly WriteOptions AtOnce = new(), WithTheNext = new(WriteFlags.BufferHint);

    /// <summary>Sends what was put down, and flushes when there is no more: thousands of files are asked for, and each flush is a system call and a wakening of the client.</summary>
    private async Task AnswerAsync(IClientStreamWriter<Packet> stream, CancellationToken cancellation)
    {
        while (await _answers.Reader.WaitToReadAsync(cancellation))
        {
            while (_answers.Reader.TryRead(out var packet))
            {
                stream.WriteOptions = _answers.Reader.TryPeek(out _) ? WithTheNext : AtOnce;
                await stream.WriteAsync(packet, cancellation);
            }
        }
        await stream.CompleteAsync();
    }

    private async Task RunAsync(IAsyncStreamReader<Packet> stream, CancellationToken cancellation)
    {
        while (await stream.MoveNext(cancellation))
        {
            var packet = stream.Current;
            switch (packet.Type)
            {
                case Packet.Types.PacketType.Stat when packet.Stat is { Path.Length: > 0 } stat: TakeStat(stat); break;
                case Packet.Types.PacketType.Stat: EndOfList(); break;
                case Packet.Types.PacketType.Data: TakeData(packet); break;
                case Packet.Types.PacketType.Err: throw WharfException.Invalid($"error from sender: {packet.Data.ToStringUtf8()}");
                case Packet.Types.PacketType.Fin:
                    _answers.Writer.TryComplete();
                    break;
                default: throw WharfException.Invalid($"unexpected packet of type {packet.Type}");
            }
        }
        if (!_listed || _awaited.Count > 0) throw WharfException.Unavailable("the client ended before all its files were here");
    }

    private void TakeStat(Stat stat)
    {
        if (_listed || _next >= MaxEntries) throw WharfException.Invalid("the client sends more files than allowed");
        uint id = _next++;
        _listBytes += stat.CalculateSize();
        if (_listBytes > MaxList) throw WharfException.Invalid("the client sends more names of files than allowed");
        var path = PathOf(stat);
        if (_rootLength + 1 + Encoding.UTF8.GetByteCount(path) >= MaxPath) throw WharfException.Invalid($"a path of the context is too long: {path[..64]}…");
        if (Array.Exists(path.Split('/'), part => part is "" or "." or ".." || part.Contains('\0')))
            throw WharfException.Invalid($"invalid path in the context: {stat.Path}");
        var parent = Parent(path, _listing);
        var name = NameOf(path);
        if (!_present.Add(path)) throw WharfException.Invalid($"the client lists a path twice: {path}");
        var kind = Kind(stat.Mode);
        if (kind == FileStat.S_IFDIR) MakeDirectory(parent, name, path, stat);
        else if (kind is FileStat.S_IFREG or FileStat.S_IFLNK) MakeFile(parent, name, path, stat, kind, id);
        // Sockets, pipes and devices of the client's machine mean nothing here.
        else _present.Remove(path);
    }

    private static string PathOf(Stat stat) => stat.Path.Trim('/');

    private static string DirectoryOf(string path) => path[..Math.Max(path.LastIndexOf('/'), 0)];

    private static byte[] NameOf(string path) => Encoding.UTF8.GetBytes(path[(path.LastIndexOf('/') + 1)..]);

    /// <summary>The directory a path is in, which the client must have listed before; the last one stays open.</summary>
    private Fd Parent(string path, OpenedParent opened)
    {
        var directory = DirectoryOf(path);
        if (opened.Fd is not null && directory == opened.Path) return opened.Fd;
        var fd = OpenListed(directory);
        opened.Dispose();
        (opened.Fd, opened.Path) = (fd, directory);
        return fd;
    }

    private Fd OpenListed(string directory)
    {
        int fd = directory.Length > 0 && !_present.Contains(directory) ? -Errno.ENOENT
            : FileAt.OpenBeneath(_root.Value, Encoding.UTF8.GetBytes(directory.Length > 0 ? directory : "."), O.RDONLY | O.DIRECTORY, Resolve.NoSymlinks);
        return fd >= 0 ? new Fd(fd) : throw WharfException.Invalid($"the client lists a file of a directory it did not list: {directory}");
    }

    private sealed class OpenedParent : IDisposable
    {
        public string Path { get; set; } = "";
        public Fd? Fd { get; set; }
        public void Dispose() => Fd?.Dispose();
    }

    private void MakeDirectory(Fd parent, byte[] name, string path, Stat stat)
    {
        if (FileAt.Stat(parent.Value, name, out var there) == 0 && !there.IsDirectory) Remove(parent, path);
        int made = FileAt.MakeDirectory(parent.Value, name, 0x1c0);
        if (made != -Errno.EEXIST) FileAt.Check(made, "mkdirat", name);
        uint mode = GoFileMode.Permissions(stat.Mode);
        if (made >= 0 || there.Permissions != mode) FileAt.Check(FileAt.ChangeMode(parent.Value, name, mode), "fchmodat", name);
        SetXattrs(parent, name, stat);
        _directories.Add(stat);
    }

    private void MakeFile(Fd parent, byte[] name, string path, Stat stat, uint kind, uint id)
    {
        if (FileAt.Stat(parent.Value, name, out var there) == 0)
        {
            if (IsSame(there, parent, name, stat, kind)) return;
            Remove(parent, path);
        }
        if (kind == FileStat.S_IFLNK)
        {
            FileAt.Check(FileAt.Symlink(Encoding.UTF8.GetBytes(stat.Linkname), parent.Value, name), "symlinkat", name);
            FileAt.Check(FileAt.SetTimes(parent.Value, name, Seconds(stat), Nanoseconds(stat)), "utimensat", name);
            return;
        }
        if (stat.Linkname.Length > 0)
        {
            // The file it is another name of may not have come yet.
            if (!_present.Contains(stat.Linkname.Trim('/'))) throw WharfException.Invalid($"a hard link leads to a file that was not listed: {stat.Linkname}");
            _links.Add(stat);
            return;
        }
        _awaited.Add(id, new Incoming(path, stat));
        _answers.Writer.TryWrite(new Packet { Type = Packet.Types.PacketType.Req, Id = id });
    }

    private static bool IsSame(in FileStat there, Fd parent, byte[] name, Stat stat, uint kind)
    {
        if (there.Type != kind || there.ModifiedSeconds != Seconds(stat) || there.ModifiedNanoseconds != Nanoseconds(stat)) return false;
        if (kind == FileStat.S_IFLNK) return Encoding.UTF8.GetString(FileAt.ReadLink(parent.Value, name)) == stat.Linkname;
        return stat.Linkname.Length == 0 && there.Links == 1 && there.Size == stat.Size && there.Permissions == GoFileMode.Permissions(stat.Mode) && stat.Xattrs.Count == 0 && Xattr.List(parent.Value, name).Count == 0;
    }

    private void Link(Stat stat)
    {
        var (path, target) = (PathOf(stat), stat.Linkname.Trim('/'));
        using var directory = OpenListed(DirectoryOf(target));
        FileAt.Check(FileAt.Link(directory.Value, NameOf(target), Parent(path, _filling).Value, NameOf(path)), "linkat", NameOf(path));
    }

    private Fd Create(Incoming incoming)
    {
        if (_open >= MaxOpen) throw WharfException.Invalid("the client sends too many files at once");
        var name = NameOf(incoming.Path);
        var file = new Fd(FileAt.Check(FileAt.Open(Parent(incoming.Path, _filling).Value, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0x180), "openat", name));
        _open++;
        return file;
    }

    private void TakeData(Packet packet)
    {
        if (!_awaited.TryGetValue(packet.Id, out var incoming)) throw WharfException.Invalid($"data for a file that was not asked for: {packet.Id}");
        var file = incoming.File ??= Create(incoming);
        if (packet.Data.Length > 0)
        {
            FileAt.WriteAllAt(file.Value, packet.Data.Span, incoming.Written);
            incoming.Written += packet.Data.Length;
            _bytes += packet.Data.Length;
            _received(_bytes);
            return;
        }
        using (file)
        {
            _awaited.Remove(packet.Id);
            _open--;
            if (Libc.fchmod(file.Value, GoFileMode.Permissions(incoming.Stat.Mode)) != 0) throw new SyscallException("fchmod", System.Runtime.InteropServices.Marshal.GetLastPInvokeError(), incoming.Path);
            foreach (var (key, value) in incoming.Stat.Xattrs) SetXattr(file, key, value.Span);
            FileAt.Check(FileAt.SetTimes(file.Value, Seconds(incoming.Stat), Nanoseconds(incoming.Stat)), "futimens", NameOf(incoming.Path));
        }
        FinishWhenDone();
    }

    private void EndOfList()
    {
        if (_listed) throw WharfException.Invalid("the client ends its list twice");
        _listed = true;
        RemoveOthers(_root, "");
        FinishWhenDone();
    }

    private void FinishWhenDone()
    {
        if (!_listed || _awaited.Count > 0) return;
        foreach (var link in _links) Link(link);
        for (int i = _directories.Count - 1; i >= 0; i--)
        {
            var stat = _directories[i];
            using var directory = OpenListed(PathOf(stat));
            var there = FileStat.Of(directory);
            if (there.ModifiedSeconds != Seconds(stat) || there.ModifiedNanoseconds != Nanoseconds(stat)) FileAt.Check(FileAt.SetTimes(directory.Value, Seconds(stat), Nanoseconds(stat)), "futimens", []);
        }
        _answers.Writer.TryWrite(new Packet { Type = Packet.Types.PacketType.Fin });
    }

    /// <summary>Removes what the client does not have any more.</summary>
    private void RemoveOthers(Fd directory, string prefix)
    {
        foreach (var name in DirectoryEntries.Read(directory.Value))
        {
            var path = prefix + Encoding.UTF8.GetString(name);
            if (!_present.Contains(path))
            {
                Remove(directory, path);
                continue;
            }
            if (FileAt.Stat(directory.Value, name, out var stat) < 0 || !stat.IsDirectory) continue;
            using var child = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "openat", name));
            RemoveOthers(child, path + "/");
        }
    }

    private static void Remove(Fd parent, string path) => TreeRemoval.Remove(parent.Value, NameOf(path));

    private static void SetXattrs(Fd parent, byte[] name, Stat stat)
    {
        if (stat.Xattrs.Count == 0) return;
        using var file = new Fd(FileAt.Check(FileAt.Open(parent.Value, name, O.RDONLY | O.NOFOLLOW | O.DIRECTORY), "openat", name));
        foreach (var (key, value) in stat.Xattrs) SetXattr(file, key, value.Span);
    }

    /// <summary>Only what an image may carry: capabilities of files and the user's own.</summary>
    private static void SetXattr(Fd file, string key, ReadOnlySpan<byte> value)
    {
        if (key == "security.capability" || key.StartsWith("user.", StringComparison.Ordinal)) FileAt.Check(Xattr.Set(file.Value, Encoding.UTF8.GetBytes(key), value), "fsetxattr", Encoding.UTF8.GetBytes(key));
    }

    private static long Seconds(Stat stat) => Math.DivRem(stat.ModTime, 1_000_000_000, out long rest) - (rest < 0 ? 1 : 0);

    private static uint Nanoseconds(Stat stat) => (uint)((stat.ModTime % 1_000_000_000 + 1_000_000_000) % 1_000_000_000);

    private static uint Kind(uint mode) => (mode & GoFileMode.Directory) != 0 ? FileStat.S_IFDIR : (mode & GoFileMode.Symlink) != 0 ? FileStat.S_IFLNK : (mode & GoFileMode.Kind) == 0 ? FileStat.S_IFREG : 0;

    public void Dispose()
    {
        foreach (var incoming in _awaited.Values) incoming.File?.Dispose();
        _listing.Dispose();
        _filling.Dispose();
    }
}
