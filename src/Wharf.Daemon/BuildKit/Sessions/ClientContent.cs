using Google.Protobuf;
using Grpc.Core;
using Wharf.BuildKit.Protocol.Contents;
using Wharf.Engine.Build.Caching;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>A directory of blobs at the client, an OCI layout, which its session offers under a name.</summary>
internal sealed class ClientContent(ClientSession session, string store) : ICacheSource
{
    private const string StoreHeader = "buildkit-attachable-store-id";
    private const int Chunk = 1 << 20;

    public string Name => store;

    private Content.ContentClient Client => session.Offers("/containerd.services.content.v1.Content/Info") ? new Content.ContentClient(session.Calls)
        : throw WharfException.Invalid($"the client offers no directory {store}");

    private Metadata Headers => new() { { StoreHeader, store } };

    public Task<Stream> OpenAsync(Digest blob, CancellationToken cancellation) =>
        Task.FromResult<Stream>(new BlobStream(Client.Read(new ReadContentRequest { Digest = blob.ToString() }, Headers, cancellationToken: cancellation)));

    /// <summary>Gives the client a blob, unless it has it.</summary>
    public async Task WriteAsync(Descriptor blob, Func<Stream> open, CancellationToken cancellation)
    {
        try
        {
            if (await HasAsync(blob.Digest, cancellation)) return;
            await using var content = open();
            using var call = Client.Write(Headers, cancellationToken: cancellation);
            var buffer = new byte[Chunk];
            int count;
            long offset = 0;
            while ((count = await content.ReadAsync(buffer, cancellation)) > 0)
            {
                await SendAsync(call, Request(blob, WriteAction.Write, offset, ByteString.CopyFrom(buffer, 0, count)), cancellation);
                offset += count;
            }
            await SendAsync(call, Request(blob, WriteAction.Commit, offset, ByteString.Empty), cancellation);
            await call.RequestStream.CompleteAsync();
            while (await call.ResponseStream.MoveNext(cancellation)) { }
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.AlreadyExists)
        {
            // Somebody else was quicker: the same bytes.
        }
        catch (RpcException error)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new WharfException(ErrorKind.Unavailable, $"failed to write {blob.Digest} to {store}: {error.Status.Detail}", error);
        }
    }

    private async Task<bool> HasAsync(Digest digest, CancellationToken cancellation)
    {
        try
        {
            await Client.InfoAsync(new InfoRequest { Digest = digest.ToString() }, Headers, cancellationToken: cancellation);
            return true;
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.NotFound)
        {
            return false;
        }
    }

    private static WriteContentRequest Request(Descriptor blob, WriteAction action, long offset, ByteString data) =>
        new() { Action = action, Ref = $"wharf-{blob.Digest}", Total = blob.Size, Expected = blob.Digest.ToString(), Offset = offset, Data = data };

    private static async Task SendAsync(AsyncDuplexStreamingCall<WriteContentRequest, WriteContentResponse> call, WriteContentRequest request, CancellationToken cancellation)
    {
        await call.RequestStream.WriteAsync(request, cancellation);
        if (!await call.ResponseStream.MoveNext(cancellation)) throw new RpcException(new Status(StatusCode.Unavailable, "the client ended the write"));
    }

    public void Dispose() { }

    /// <summary>The pieces of a blob as they come.</summary>
    private sealed class BlobStream(AsyncServerStreamingCall<ReadContentResponse> call) : PieceStream
    {
        protected override async Task<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancellation)
        {
            try { return await call.ResponseStream.MoveNext(cancellation) ? call.ResponseStream.Current.Data.Memory : End; }
            catch (RpcException error)
            {
                cancellation.ThrowIfCancellationRequested();
                throw new WharfException(error.StatusCode == StatusCode.NotFound ? ErrorKind.NotFound : ErrorKind.Unavailable, error.Status.Detail, error);
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) call.Dispose();
            base.Dispose(disposing);
        }
    }
}
