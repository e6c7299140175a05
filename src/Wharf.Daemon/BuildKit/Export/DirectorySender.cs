using System.Text;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.BuildKit.Export;

/// <summary>The sending side of the directory protocol: lists a tree in order, and sends the files that the receiver asks for.</summary>
internal sealed class DirectorySender(Fd root, Action<long> sent)
{
    private const int Chunk = 1 << 20;

    private readonly Dictionary<uint, string> _byId = [];
    private readonly Dictionary<(uint, uint, ulong), string> _linked = [];
    private uint _next;
    private long _bytes;

    public async Task RunAsync(AsyncDuplexStreamingCall<Packet, Packet> call, CancellationToken cancellation)
    {
        var requests = Channel.CreateUnbounded<uint>();
        var reading = ReadAsync(call.ResponseStream, requests.Writer, cancellation);
        await ListAsync(call.RequestStream, cancellation);
        await foreach (uint id in requests.Reader.ReadAllAsync(cancellation)) await SendAsync(call.RequestStream, id, cancellation);
        await reading;
        await call.RequestStream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Fin }, cancellation);
        await call.RequestStream.CompleteAsync();
        while (await call.ResponseStream.MoveNext(cancellation)) { }
    }

    private static async Task ReadAsync(IAsyncStreamReader<Packet> stream, ChannelWriter<uint> requests, CancellationToken cancellation)
    {
        try
        {
            while (await stream.MoveNext(cancellation))
            {
                var packet = stream.Current;
                if (packet.Type == Packet.Types.PacketType.Fin) break;
                if (packet.Type == Packet.Types.PacketType.Err) throw WharfException.Invalid($"error from receiver: {packet.Data.ToStringUtf8()}");
                if (packet.Type == Packet.Types.PacketType.Req) requests.TryWrite(packet.Id);
            }
            requests.TryComplete();
        }
        catch (Exception error)
        {
            requests.TryComplete(error);
            throw;
        }
    }

    private async Task ListAsync(IClientStreamWriter<Packet> stream, CancellationToken cancellation)
    {
        using var top = new Fd(FileAt.Check(FileAt.Open(root.Value, "."u8, O.RDONLY | O.DIRECTORY), "open", "."u8));
        await ListAsync(top, "", stream, cancellation);
        await stream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Stat }, cancellation);
    }

    private async Task ListAsync(Fd directory, string prefix, IClientStreamWriter<Packet> stream, CancellationToken cancellation)
    {
        foreach (var name in DirectoryEntries.Read(directory.Value))
        {
            if (FileAt.Stat(directory.Value, name, out var stat) < 0 || stat.Type == FileStat.S_IFSOCK) continue;
            var path = prefix + Encoding.UTF8.GetString(name);
            uint id = _next++;
            var described = Describe(directory, name, path, stat);
            if (stat.IsRegular && described.Linkname.Length == 0) _byId[id] = path;
            await stream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Stat, Stat = described }, cancellation);
            if (!stat.IsDirectory) continue;
            using var child = new Fd(FileAt.Check(FileAt.Open(directory.Value, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open", name));
            await ListAsync(child, path + "/", stream, cancellation);
        }
    }

    private Stat Describe(Fd directory, byte[] name, string path, in FileStat stat)
    {
        var described = new Stat
        {
            Path = path, Mode = ArchivePlace.GoMode(stat.Mode), Uid = stat.Uid, Gid = stat.Gid, Size = stat.IsRegular ? stat.Size : 0, ModTime = stat.ModifiedSeconds * 1_000_000_000 + stat.ModifiedNanoseconds,
        };
        if (stat.IsSymlink) described.Linkname = Encoding.UTF8.GetString(FileAt.ReadLink(directory.Value, name));
        if (stat.Type is FileStat.S_IFCHR or FileStat.S_IFBLK) (described.Devmajor, described.Devminor) = (stat.RdevMajor, stat.RdevMinor);
        if (stat.IsRegular && stat.Links > 1)
        {
            var key = (stat.DeviceMajor, stat.DeviceMinor, stat.Inode);
            if (_linked.TryGetValue(key, out var first)) described.Linkname = first;
            else _linked[key] = path;
        }
        foreach (var attribute in stat.IsRegular || stat.IsDirectory ? Xattr.List(directory.Value, name) : [])
        {
            var key = Encoding.UTF8.GetString(attribute);
            if ((key == "security.capability" || key.StartsWith("user.", StringComparison.Ordinal)) && Xattr.Get(directory.Value, name, attribute) is { } value) described.Xattrs[key] = ByteString.CopyFrom(value);
        }
        return described;
    }

    private async Task SendAsync(IClientStreamWriter<Packet> stream, uint id, CancellationToken cancellation)
    {
        if (!_byId.TryGetValue(id, out var path)) throw WharfException.Invalid($"invalid file request {id}");
        using var file = new Fd(FileAt.Check(FileAt.OpenBeneath(root.Value, Encoding.UTF8.GetBytes(path), O.RDONLY | O.NONBLOCK, Resolve.NoSymlinks), "openat2", Encoding.UTF8.GetBytes(path)));
        var buffer = new byte[Chunk];
        int count;
        for (long offset = 0; (count = FileAt.ReadAt(file.Value, buffer, offset)) > 0; offset += count)
        {
            await stream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, Id = id, Data = ByteString.CopyFrom(buffer, 0, count) }, cancellation);
            sent(_bytes += count);
        }
        await stream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, Id = id }, cancellation);
    }
}
