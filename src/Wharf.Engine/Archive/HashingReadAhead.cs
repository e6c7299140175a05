using System.Buffers;
using System.Security.Cryptography;
using System.Threading.Channels;

namespace Wharf.Engine.Archive;

/// <summary>
/// Reads a stream ahead in a task of its own and digests it there, so that fetching, decompressing and hashing a layer go on while
/// the part read before is written to disk.
/// </summary>
internal sealed class HashingReadAhead : Stream
{
    private const int BlockSize = 256 << 10, Blocks = 8;

    private readonly Channel<(byte[] Data, int Length)> _blocks = Channel.CreateBounded<(byte[], int)>(new BoundedChannelOptions(Blocks) { SingleReader = true, SingleWriter = true });
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly CancellationTokenSource _stop;
    private readonly Task _reading;
    private byte[]? _current;
    private int _start, _end;

    public HashingReadAhead(Stream source, CancellationToken cancellation)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _reading = Task.Run(() => ReadAllAsync(source, _stop.Token), CancellationToken.None);
    }

    /// <summary>The SHA-256 of everything; only once the end has been read.</summary>
    public byte[] GetHash() => _reading.IsCompletedSuccessfully ? _hash.GetHashAndReset() : throw new InvalidOperationException("the stream has not been read to its end");

    private async Task ReadAllAsync(Stream source, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                var block = ArrayPool<byte>.Shared.Rent(BlockSize);
                int length = await source.ReadAtLeastAsync(block, BlockSize / 4, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
                if (length == 0)
                {
                    ArrayPool<byte>.Shared.Return(block);
                    break;
                }
                _hash.AppendData(block, 0, length);
                await _blocks.Writer.WriteAsync((block, length), cancellation).ConfigureAwait(false);
            }
            _blocks.Writer.Complete();
        }
        catch (Exception error)
        {
            // The reader of this stream sees it.
            _blocks.Writer.Complete(error);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_start == _end)
        {
            if (_current is not null) ArrayPool<byte>.Shared.Return(_current);
            _current = null;
            if (!await _blocks.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                await _reading.ConfigureAwait(false);
                return 0;
            }
            _blocks.Reader.TryRead(out var block);
            (_current, _start, _end) = (block.Data, 0, block.Length);
        }
        int count = Math.Min(buffer.Length, _end - _start);
        _current.AsMemory(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    /// <summary>Returns once the source is no longer touched.</summary>
    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        _stop.Dispose();
        _hash.Dispose();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("asynchronous only");
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
