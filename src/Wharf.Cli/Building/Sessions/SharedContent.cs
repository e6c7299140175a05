using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Contents;
using Wharf.Specs.Image;

namespace Wharf.Cli.Building.Sessions;

/// <summary>Directories of blobs (OCI layouts): caches that come and go, results that are laid out in files.</summary>
internal sealed class SharedContent(SessionOffer offer) : Content.ContentBase
{
    private const string StoreHeader = "buildkit-attachable-store-id";
    private const int Chunk = 1 << 20;

    private string PathOf(ServerCallContext context, string digest)
    {
        var store = context.RequestHeaders.GetValue(StoreHeader) ?? "";
        if (!offer.Stores.TryGetValue(store, out var directory)) throw new RpcException(new Status(StatusCode.NotFound, $"unknown store {store}"));
        if (!Digest.TryParse(digest, out var parsed)) throw new RpcException(new Status(StatusCode.InvalidArgument, $"invalid digest {digest}"));
        return Path.Combine(directory, "blobs", parsed.Algorithm, parsed.Hex);
    }

    public override Task<InfoResponse> Info(InfoRequest request, ServerCallContext context)
    {
        var file = new FileInfo(PathOf(context, request.Digest));
        if (!file.Exists) throw new RpcException(new Status(StatusCode.NotFound, $"content {request.Digest}: not found"));
        return Task.FromResult(new InfoResponse { Info = new BlobInfo { Digest = request.Digest, Size = file.Length } });
    }

    public override async Task Read(ReadContentRequest request, IServerStreamWriter<ReadContentResponse> responseStream, ServerCallContext context)
    {
        var path = PathOf(context, request.Digest);
        if (!File.Exists(path)) throw new RpcException(new Status(StatusCode.NotFound, $"content {request.Digest}: not found"));
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        file.Position = Math.Min(request.Offset, file.Length);
        long left = request.Size > 0 ? request.Size : long.MaxValue;
        var buffer = new byte[Chunk];
        int count;
        while (left > 0 && (count = await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), context.CancellationToken)) > 0)
        {
            await responseStream.WriteAsync(new ReadContentResponse { Offset = file.Position - count, Data = ByteString.CopyFrom(buffer, 0, count) }, context.CancellationToken);
            left -= count;
        }
    }

    public override async Task Write(IAsyncStreamReader<WriteContentRequest> requestStream, IServerStreamWriter<WriteContentResponse> responseStream, ServerCallContext context)
    {
        FileStream? file = null;
        string target = "", expected = "";
        try
        {
            await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
            {
                if (file is null)
                {
                    (target, expected) = (PathOf(context, request.Expected), request.Expected);
                    if (File.Exists(target)) throw new RpcException(new Status(StatusCode.AlreadyExists, $"content {request.Expected}: already exists"));
                    Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                    file = new FileStream($"{target}.{Guid.NewGuid():n}", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
                }
                if (request.Action != WriteAction.Stat)
                {
                    if (request.Offset != file.Position && (request.Data.Length > 0 || request.Offset != 0)) throw new RpcException(new Status(StatusCode.OutOfRange, $"write is at {file.Position}, not {request.Offset}"));
                    await file.WriteAsync(request.Data.Memory, context.CancellationToken);
                }
                if (request.Action == WriteAction.Commit) await CommitAsync(file, target, expected, context.CancellationToken);
                await responseStream.WriteAsync(new WriteContentResponse { Action = request.Action, Offset = file.Position, Total = request.Total, Digest = request.Action == WriteAction.Commit ? expected : "" }, context.CancellationToken);
            }
        }
        finally
        {
            if (file is not null)
            {
                await file.DisposeAsync();
                File.Delete(file.Name);
            }
        }
    }

    private static async Task CommitAsync(FileStream file, string target, string expected, CancellationToken cancellation)
    {
        file.Position = 0;
        var digest = Digest.FromSha256(await System.Security.Cryptography.SHA256.HashDataAsync(file, cancellation));
        if (digest.ToString() != expected) throw new RpcException(new Status(StatusCode.FailedPrecondition, $"unexpected commit digest {digest}, expected {expected}"));
        File.Move(file.Name, target, overwrite: true);
    }
}
