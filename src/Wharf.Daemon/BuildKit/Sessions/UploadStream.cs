using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>Bytes the client has ready under an address of its session: a context or Dockerfile that came to it by standard input.</summary>
internal sealed class UploadStream : PieceStream
{
    private readonly AsyncDuplexStreamingCall<BytesMessage, BytesMessage> _call;

    public UploadStream(ClientSession session, string address)
    {
        var uri = new Uri(address);
        _call = new Upload.UploadClient(session.Calls).Pull(new Metadata { { "urlpath", uri.AbsolutePath }, { "urlhost", uri.Host } });
    }

    protected override async Task<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancellation) =>
        await _call.ResponseStream.MoveNext(cancellation) ? _call.ResponseStream.Current.Data.Memory : End;

    protected override void Dispose(bool disposing)
    {
        if (disposing) _call.Dispose();
        base.Dispose(disposing);
    }
}
