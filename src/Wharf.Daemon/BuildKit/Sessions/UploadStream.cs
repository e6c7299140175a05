using Grpc.Core;
using Wharf.BuildKit.Protocol.Sessions;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>Bytes the client has ready under an address of its session: a context or Dockerfile that came to it by standard input.</summary>
internal sealed class UploadStream : Stream
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

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override void Flush() { }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("asynchronous only");
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _call.Dispose();
        base.Dispose(disposing);
    }
}
