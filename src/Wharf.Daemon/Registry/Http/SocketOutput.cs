using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Win32.SafeHandles;

namespace Wharf.Daemon.Registry.Http;

/// <summary>
/// What a connection without TLS sends: straight to its socket, and parts of files by <c>sendfile(2)</c>, so that a blob goes from the page cache to the
/// client without passing through this process. Kestrel goes on counting and bounding what is sent: of a file it writes as many bytes that nobody reads.
/// </summary>
public sealed class SocketOutput : PipeWriter, IDisposable
{
    /// <summary>The most that one flush sends of a file: Kestrel's least rate of a client is measured by flushes.</summary>
    private const int Piece = 1 << 20;
    private const int BlockSize = 32 << 10;

    /// <summary>Stands for a file's bytes. Never sent.</summary>
    private static readonly byte[] _placeholder = new byte[Piece];

    private readonly Socket _socket;
    private readonly List<byte[]> _blocks = [];
    private readonly List<ArraySegment<byte>> _segments = [];
    private int _used;
    private long _unflushed;
    private ValueTask<FlushResult> _final;
    private bool _isCancelled, _isGone, _isComplete;
    private FileStream? _file;
    private SendPacketsElement[]? _elements;
    private SocketAsyncEventArgs? _sending;
    private TaskCompletionSource<SocketError>? _sent;
    private long _from, _left;

    private SocketOutput(Socket socket) => _socket = socket;

    /// <summary>Why nothing more can be sent; null while it can.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Connection middleware: the outermost, over a socket itself.</summary>
    public static ConnectionDelegate Use(ConnectionDelegate next) => async connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket)
        {
            await next(connection);
            return;
        }
        using var output = new SocketOutput(socket);
        var transport = connection.Transport;
        connection.Transport = new Pipes(transport.Input, output);
        connection.Features.Set(output);
        try
        {
            await next(connection);
            await output._final;
        }
        finally { connection.Transport = transport; }
    };

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>
    /// The next bytes written are those of the file, whatever is in the memory given out for them. All before them must have been flushed.
    /// </summary>
    /// <param name="file">Stays the caller's; opened for asynchronous reading.</param>
    /// <param name="from">The first byte's place in it.</param>
    /// <param name="length">How many.</param>
    public void Substitute(SafeFileHandle file, long from, long length)
    {
        if (_unflushed > 0) throw new InvalidOperationException("bytes before the file's are not sent yet");
        (_file, _from, _left) = (new FileStream(file, FileAccess.Read, 0, isAsync: true), from, length);
    }

    public override bool CanGetUnflushedBytes => true;
    public override long UnflushedBytes => _unflushed;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_left > 0) return _placeholder.AsMemory(0, (int)Math.Min(Piece - _unflushed, _left - _unflushed));
        if (_blocks.Count == 0 || _blocks[^1].Length - _used < Math.Max(sizeHint, 1))
        {
            Seal();
            _blocks.Add(ArrayPool<byte>.Shared.Rent(Math.Max(sizeHint, BlockSize)));
        }
        return _blocks[^1].AsMemory(_used);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        _unflushed += bytes;
        if (_left == 0) _used += bytes;
    }

    /// <summary>Ends the block being filled: what is in it is a segment to send.</summary>
    private void Seal()
    {
        if (_used > 0) _segments.Add(new ArraySegment<byte>(_blocks[^1], 0, _used));
        _used = 0;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_unflushed == 0 || _isGone) return new ValueTask<FlushResult>(Result());
        return new ValueTask<FlushResult>(SendAsync());
    }

    private FlushResult Result()
    {
        bool wasCancelled = _isCancelled;
        _isCancelled = false;
        return new FlushResult(wasCancelled, _isGone);
    }

    private async Task<FlushResult> SendAsync()
    {
        try
        {
            if (_left > 0) await SendFileAsync((int)_unflushed);
            else
            {
                Seal();
                foreach (var segment in _segments) await SendAsync(segment);
            }
        }
        catch (Exception error)
        {
            // Kestrel takes no exception here. As with a transport of its own, nobody reads any more; whoever substitutes asks for the cause.
            (_isGone, Failure) = (true, error);
            _socket.Dispose();
        }
        Clear();
        return Result();
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None)..];
    }

    private async Task SendFileAsync(int count)
    {
        if (_sending is null)
        {
            _sending = new SocketAsyncEventArgs();
            _sending.Completed += (_, done) => _sent!.SetResult(done.SocketError);
        }
        _elements ??= new SendPacketsElement[1];
        _elements[0] = new SendPacketsElement(_file!, _from, count);
        _sending.SendPacketsElements = _elements;
        _sent = new TaskCompletionSource<SocketError>(TaskCreationOptions.RunContinuationsAsynchronously);
        var error = _socket.SendPacketsAsync(_sending) ? await _sent.Task : _sending.SocketError;
        if (error != SocketError.Success) throw new SocketException((int)error);
        // A file that is shorter than it was ends early: the connection cannot go on, for its next bytes would be taken for the blob's.
        if (_sending.BytesTransferred != count) throw new EndOfStreamException("the blob's file is shorter than it was");
        (_from, _left) = (_from + count, _left - count);
    }

    private void Clear()
    {
        foreach (var block in _blocks) ArrayPool<byte>.Shared.Return(block);
        _blocks.Clear();
        _segments.Clear();
        (_used, _unflushed) = (0, 0);
    }

    public override void CancelPendingFlush() => _isCancelled = true;

    public override void Complete(Exception? exception = null)
    {
        if (_isComplete) return;
        _isComplete = true;
        // As a pipe's writer does it: what is written is sent.
        if (_unflushed > 0 && _left == 0 && exception is null) _final = FlushAsync();
    }

    public void Dispose()
    {
        Clear();
        _sending?.Dispose();
    }
}
