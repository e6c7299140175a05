using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Specs.Build;

namespace Wharf.Cli.Building.Sessions;

/// <summary>
/// Directories of the context: the builder is told what there is, and asks for the files that it does not have yet. Owners are left out (root's): who
/// builds must not change what is built.
/// </summary>
internal sealed class SharedDirectories(SessionOffer offer) : FileSync.FileSyncBase
{
    private const int Chunk = 256 << 10;
    /// <summary>So many entries of a list go out together: each flush is a system call and a wakening of the builder.</summary>
    private const int ListedTogether = 256;
    private static readonly WriteOptions AtOnce = new(), WithTheNext = new(WriteFlags.BufferHint);

    public override async Task DiffCopy(IAsyncStreamReader<Packet> requestStream, IServerStreamWriter<Packet> responseStream, ServerCallContext context)
    {
        var headers = context.RequestHeaders;
        var name = Values(headers, "dir-name").FirstOrDefault("");
        if (!offer.Directories.TryGetValue(name, out var root)) throw new RpcException(new Status(StatusCode.NotFound, $"no access allowed to dir \"{name}\""));
        string[] wanted = [.. Values(headers, "include-patterns"), .. Values(headers, "followpaths")];
        var excluded = Values(headers, "exclude-patterns").ToList();
        var walk = new DirectoryWalk(root, wanted.Length > 0 ? LinkedPaths.Of(root, wanted) : null, excluded.Count > 0 ? IgnorePatterns.Parse(excluded) : null);
        var asked = Channel.CreateUnbounded<uint>();
        var reading = ReadAsync(requestStream, asked.Writer, context.CancellationToken);
        try
        {
            var files = new Dictionary<uint, string>();
            uint next = 0;
            foreach (var (path, stat) in walk.Entries())
            {
                if (stat.Linkname.Length == 0) files[next] = path;
                next++;
                responseStream.WriteOptions = next % ListedTogether == 0 ? AtOnce : WithTheNext;
                await responseStream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Stat, Stat = stat }, context.CancellationToken);
            }
            responseStream.WriteOptions = AtOnce;
            await responseStream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Stat }, context.CancellationToken);
            await foreach (uint id in asked.Reader.ReadAllAsync(context.CancellationToken))
                await SendAsync(id, files.TryGetValue(id, out var file) ? file : throw new IOException($"the builder asks for a file it was not told of: {id}"), responseStream, context.CancellationToken);
            await responseStream.WriteAsync(new Packet { Type = Packet.Types.PacketType.Fin }, context.CancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcException(new Status(StatusCode.Unknown, e.Message));
        }
        await reading;
    }

    /// <summary>The values of a header, which may be escaped as in a query: then another header says so.</summary>
    private static IEnumerable<string> Values(Metadata headers, string name)
    {
        bool escaped = headers.GetValue(name + "-encoded") is not null;
        return headers.GetAll(name).Select(header => escaped ? Uri.UnescapeDataString(header.Value.Replace('+', ' ')) : header.Value);
    }

    private static async Task ReadAsync(IAsyncStreamReader<Packet> packets, ChannelWriter<uint> asked, CancellationToken cancellation)
    {
        Exception? failed = null;
        try
        {
            while (await packets.MoveNext(cancellation))
            {
                var packet = packets.Current;
                if (packet.Type == Packet.Types.PacketType.Req) asked.TryWrite(packet.Id);
                else if (packet.Type == Packet.Types.PacketType.Fin) break;
                else if (packet.Type == Packet.Types.PacketType.Err) throw new IOException($"error from receiver: {packet.Data.ToStringUtf8()}");
            }
        }
        catch (Exception e) when (e is IOException or RpcException or OperationCanceledException)
        {
            failed = e;
        }
        asked.TryComplete(failed);
    }

    private static async Task SendAsync(uint id, string path, IServerStreamWriter<Packet> output, CancellationToken cancellation)
    {
        await using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0))
        {
            var buffer = new byte[(int)Math.Clamp(file.Length, 1, Chunk)];
            int count;
            while ((count = await file.ReadAsync(buffer, cancellation)) > 0)
                await output.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, Id = id, Data = ByteString.CopyFrom(buffer, 0, count) }, cancellation);
        }
        await output.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, Id = id }, cancellation);
    }
}
