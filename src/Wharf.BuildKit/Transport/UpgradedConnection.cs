using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Wharf.BuildKit.Transport;

/// <summary>A connection that began as HTTP/1.1 on the daemon's socket and goes on as HTTP/2 at the gRPC server.</summary>
internal sealed class UpgradedConnection : ConnectionContext
{
    private readonly CancellationTokenSource _aborted = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public UpgradedConnection(PipeReader input, Stream output)
    {
        Transport = new Duplex(new BorrowedReader(input), PipeWriter.Create(new QuietStream(output), new StreamPipeWriterOptions(leaveOpen: true)));
        ConnectionClosed = _aborted.Token;
        LocalEndPoint = RemoteEndPoint = GrpcEndPoint.Instance;
    }

    public override string ConnectionId { get; set; } = Guid.NewGuid().ToString("n");
    public override IFeatureCollection Features { get; } = new FeatureCollection();
    public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();
    public override IDuplexPipe Transport { get; set; }

    /// <summary>Done when the server has let go of it.</summary>
    public Task Ended => _ended.Task;

    public override void Abort(ConnectionAbortedException abortReason)
    {
        Transport.Input.CancelPendingRead();
        if (!_ended.Task.IsCompleted) _aborted.Cancel();
    }

    public override ValueTask DisposeAsync()
    {
        if (_ended.TrySetResult()) _aborted.Dispose();
        return ValueTask.CompletedTask;
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>The reader is the first server's: that one completes it.</summary>
    private sealed class BorrowedReader(PipeReader inner) : PipeReader
    {
        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => inner.ReadAsync(cancellationToken);
        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);
        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);
        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);
        public override void CancelPendingRead() => inner.CancelPendingRead();
        public override void Complete(Exception? exception = null) { }
    }

    /// <summary>A client that has left is no error: what is still written goes nowhere.</summary>
    private sealed class QuietStream(Stream inner) : Stream
    {
        private bool _gone;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_gone) return;
            try
            {
                await inner.WriteAsync(buffer, cancellationToken);
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                _gone = true;
            }
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public override void Flush() { }
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

/// <summary>The address of the gRPC server inside this process: no socket belongs to it.</summary>
internal sealed class GrpcEndPoint : EndPoint
{
    public static readonly GrpcEndPoint Instance = new();

    public override string ToString() => "upgraded";
}
