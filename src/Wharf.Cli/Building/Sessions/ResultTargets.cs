using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Building.Sessions;

/// <summary>The service that takes results, as generated code has it: bound by hand, since its one method has messages of one kind or the other.</summary>
internal abstract class ResultTargetsBase
{
    private static readonly Marshaller<byte[]> Raw = Marshallers.Create<byte[]>(static bytes => bytes, static bytes => bytes);
    private static readonly Method<byte[], byte[]> Method = new(MethodType.DuplexStreaming, "moby.filesync.v1.FileSend", nameof(DiffCopy), Raw, Raw);

    public static void BindService(ServiceBinderBase binder, ResultTargetsBase service) => binder.AddMethod(Method, new DuplexStreamingServerMethod<byte[], byte[]>(service.DiffCopy));

    public abstract Task DiffCopy(IAsyncStreamReader<byte[]> requestStream, IServerStreamWriter<byte[]> responseStream, ServerCallContext context);
}

/// <summary>Takes results: a directory in packets, or a file in pieces, as the target is.</summary>
internal sealed class ResultTargets(SessionOffer offer) : ResultTargetsBase
{
    private const string IdHeader = "buildkit-attachable-exporter-id";

    public override async Task DiffCopy(IAsyncStreamReader<byte[]> requestStream, IServerStreamWriter<byte[]> responseStream, ServerCallContext context)
    {
        var text = context.RequestHeaders.GetValue(IdHeader);
        int id = text is null ? offer.Targets.Keys.First() : int.Parse(text, CultureInfo.InvariantCulture);
        if (!offer.Targets.TryGetValue(id, out var target)) throw new RpcException(new Status(StatusCode.NotFound, $"no output {id}"));
        try
        {
            if (target.Directory is { } directory) await new DirectoryResult(directory, target.Deletes).ReceiveAsync(requestStream, responseStream, context.CancellationToken);
            else await ReceiveFileAsync(target.Open!, requestStream, context.CancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcException(new Status(StatusCode.Unknown, e.Message));
        }
    }

    private static async Task ReceiveFileAsync(Func<Stream> open, IAsyncStreamReader<byte[]> pieces, CancellationToken cancellation)
    {
        await using var file = open();
        await foreach (var piece in pieces.ReadAllAsync(cancellation)) await file.WriteAsync(BytesMessage.Parser.ParseFrom(piece).Data.Memory, cancellation);
    }
}

/// <summary>A directory as it comes: entries first, then the files that were asked for. What is there already and not sent stays, or is removed at the end.</summary>
internal sealed class DirectoryResult(string root, bool deletes)
{
    private readonly Dictionary<uint, (FileStream File, Stat Stat)> awaited = [];
    private readonly HashSet<string> directories = new(StringComparer.Ordinal) { "" }, files = new(StringComparer.Ordinal);
    private readonly List<Stat> told = [], links = [];
    private uint next;
    private bool isListed;

    public async Task ReceiveAsync(IAsyncStreamReader<byte[]> input, IServerStreamWriter<byte[]> output, CancellationToken cancellation)
    {
        Directory.CreateDirectory(root);
        try
        {
            await foreach (var bytes in input.ReadAllAsync(cancellation))
            {
                var packet = Packet.Parser.ParseFrom(bytes);
                if (packet.Type == Packet.Types.PacketType.Stat && packet.Stat is { Path.Length: > 0 } stat)
                {
                    uint id = next++;
                    if (Take(stat, id)) await output.WriteAsync(new Packet { Type = Packet.Types.PacketType.Req, Id = id }.ToByteArray(), cancellation);
                    continue;
                }
                if (packet.Type == Packet.Types.PacketType.Stat) isListed = true;
                else if (packet.Type == Packet.Types.PacketType.Data) await TakeDataAsync(packet, cancellation);
                else if (packet.Type == Packet.Types.PacketType.Err) throw new IOException($"error from sender: {packet.Data.ToStringUtf8()}");
                else if (packet.Type == Packet.Types.PacketType.Fin) break;
                if (isListed && awaited.Count == 0) await FinishAsync(output, cancellation);
            }
        }
        finally
        {
            foreach (var (file, _) in awaited.Values) await file.DisposeAsync();
        }
    }

    /// <summary>Makes an entry; true when its content is wanted. A name counts only in a directory that was told of, and no link is followed.</summary>
    private bool Take(Stat stat, uint id)
    {
        var path = stat.Path.Trim('/');
        if (Array.Exists(path.Split('/'), static part => part is "" or "." or ".." || part.Contains('\0'))) throw new IOException($"the builder sends an invalid path: {stat.Path}");
        int slash = path.LastIndexOf('/');
        if (!directories.Contains(slash < 0 ? "" : path[..slash])) throw new IOException($"the builder sends a file of a directory it did not send: {path}");
        var full = Path.Combine(root, path);
        bool isDirectory = (stat.Mode & GoFileMode.Directory) != 0;
        // What was a directory must not become a link, through which what it holds would go elsewhere.
        if (files.Contains(path) || !isDirectory && directories.Contains(path)) throw new IOException($"the builder sends a name twice: {path}");
        if (isDirectory)
        {
            if (!IsDirectory(full)) Remove(full);
            Directory.CreateDirectory(full);
            directories.Add(path);
            told.Add(stat);
            return false;
        }
        bool isSymlink = (stat.Mode & GoFileMode.Symlink) != 0;
        if (!isSymlink && (stat.Mode & GoFileMode.Kind) != 0) return false; // devices, pipes and sockets of the image mean nothing here
        Remove(full);
        bool isLink = !isSymlink && stat.Linkname.Length > 0;
        if (isLink && !files.Contains(stat.Linkname.Trim('/'))) throw new IOException($"the builder sends a link to a file that it did not send: {path}");
        files.Add(path);
        if (isSymlink)
        {
            File.CreateSymbolicLink(full, stat.Linkname);
            return false;
        }
        if (isLink)
        {
            links.Add(stat);
            return false;
        }
        awaited[id] = (new FileStream(full, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }), stat);
        return true;
    }

    private static bool IsDirectory(string path) => new FileInfo(path).LinkTarget is null && Directory.Exists(path);

    private static void Remove(string path)
    {
        if (IsDirectory(path)) Directory.Delete(path, recursive: true);
        else File.Delete(path);
    }

    private async Task TakeDataAsync(Packet packet, CancellationToken cancellation)
    {
        if (!awaited.TryGetValue(packet.Id, out var incoming)) throw new IOException($"the builder sends a file that was not asked for: {packet.Id}");
        if (packet.Data.Length > 0)
        {
            await incoming.File.WriteAsync(packet.Data.Memory, cancellation);
            return;
        }
        awaited.Remove(packet.Id);
        var path = incoming.File.Name;
        await incoming.File.DisposeAsync();
        File.SetUnixFileMode(path, ModeOf(incoming.Stat));
        File.SetLastWriteTimeUtc(path, Time(incoming.Stat));
    }

    private async Task FinishAsync(IServerStreamWriter<byte[]> output, CancellationToken cancellation)
    {
        isListed = false;
        foreach (var link in links) Link(link);
        if (deletes) RemoveOthers("");
        for (int i = told.Count - 1; i >= 0; i--)
        {
            var path = Path.Combine(root, told[i].Path.Trim('/'));
            File.SetUnixFileMode(path, ModeOf(told[i]));
            Directory.SetLastWriteTimeUtc(path, Time(told[i]));
        }
        await output.WriteAsync(new Packet { Type = Packet.Types.PacketType.Fin }.ToByteArray(), cancellation);
    }

    /// <summary>A further name of a file, once that is whole: a file of its own here.</summary>
    private void Link(Stat stat)
    {
        var (path, target) = (Path.Combine(root, stat.Path.Trim('/')), Path.Combine(root, stat.Linkname.Trim('/')));
        if (new FileInfo(target).LinkTarget is { } symbolic) File.CreateSymbolicLink(path, symbolic);
        else
        {
            File.Copy(target, path);
            File.SetUnixFileMode(path, ModeOf(stat));
            File.SetLastWriteTimeUtc(path, Time(stat));
        }
    }

    /// <summary>No link is followed: only what the result has as directories is looked into.</summary>
    private void RemoveOthers(string below)
    {
        foreach (var full in Directory.EnumerateFileSystemEntries(Path.Combine(root, below)).ToList())
        {
            var path = Path.Combine(below, Path.GetFileName(full));
            if (directories.Contains(path)) RemoveOthers(path);
            else if (!files.Contains(path)) Remove(full);
        }
    }

    private static UnixFileMode ModeOf(Stat stat) => (UnixFileMode)GoFileMode.Permissions(stat.Mode);

    private static DateTime Time(Stat stat) => DateTime.UnixEpoch.AddTicks(stat.ModTime / 100);
}
