using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;
using Wharf.Engine.Content;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>Bytes the client has ready under an address of its session: a context or Dockerfile that came to it by standard input.</summary>
internal sealed class UploadStream : ReadOnlyStream
{
    private readonly AsyncDuplexStreamingCall<BytesMessage, BytesMessage> _call;
    private ReadOnlyMemory<byte> _left;

    public UploadStream(ClientSession session, string address)
    {
        var uri = new Uri(address);
        _call = new Upload.UploadClient(session.Calls).Pull(new Metadata { { "urlpath", uri.AbsolutePath }, { "urlhost", uri.Host } });
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_left.IsEmpty)
        {
            if (!await _call.ResponseStream.MoveNext(cancellationToken)) return 0;
            _left = _call.ResponseStream.Current.Data.Memory;
        }
        int count = Math.Min(buffer.Length, _left.Length);
        _left[..count].CopyTo(buffer);
        _left = _left[count..];
        return count;
    }

    public override int Read(Span<byte> buffer) => throw new NotSupportedException("asynchronous only");

    protected override void Dispose(bool disposing)
    {
        if (disposing) _call.Dispose();
        base.Dispose(disposing);
    }
}
