using System.IO.Compression;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Content;

/// <summary>Compressed forms of tar archives, told by their first bytes.</summary>
public static class Compression
{
    /// <summary>
    /// The archive's plain bytes, whatever of gzip, zstd, bzip2, xz or none it is in. Throws InvalidArgument once <paramref name="maxRatio"/> times
    /// as much has come out as went in (and 64 MiB at least): a bomb, not an archive.
    /// </summary>
    public static async Task<Stream> OpenAsync(Stream input, int maxRatio, CancellationToken cancellation)
    {
        var head = new byte[6];
        int length = await input.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation);
        var counted = new CountingStream(new PrefixedStream(head.AsMemory(0, length), input));
        var magic = head.AsSpan(0, length);
        if (magic.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b])) return new RatioStream(new GZipStream(counted, CompressionMode.Decompress), counted, maxRatio);
        // A frame that is skipped, as pzstd writes, may stand first (RFC 8878, 3.1.2).
        bool isSkipped = length >= 4 && (magic[0] & 0xf0) == 0x50 && magic[1..4].SequenceEqual((ReadOnlySpan<byte>)[0x2a, 0x4d, 0x18]);
        if (isSkipped || magic.StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd])) return new RatioStream(ZstdDecoder.Open(counted), counted, maxRatio);
        if (magic.StartsWith("BZh"u8)) return new RatioStream(new DecoderStream(counted, new Bzip2Decoder()), counted, maxRatio);
        if (magic.StartsWith((ReadOnlySpan<byte>)[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])) return new RatioStream(new DecoderStream(counted, new XzDecoder()), counted, maxRatio);
        return counted;
    }
}

/// <summary>A stream that begins with bytes already read from it.</summary>
internal sealed class PrefixedStream(ReadOnlyMemory<byte> prefix, Stream rest) : ReadOnlyStream
{
    private ReadOnlyMemory<byte> _prefix = prefix;

    public override int Read(Span<byte> buffer)
    {
        if (_prefix.Length == 0) return rest.Read(buffer);
        int count = Math.Min(buffer.Length, _prefix.Length);
        _prefix.Span[..count].CopyTo(buffer);
        _prefix = _prefix[count..];
        return count;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _prefix.Length > 0 ? ValueTask.FromResult(Read(buffer.Span)) : rest.ReadAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing) rest.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Counts what passes.</summary>
internal sealed class CountingStream(Stream inner) : ReadOnlyStream
{
    public long Count { get; private set; }

    public override int Read(Span<byte> buffer)
    {
        int count = inner.Read(buffer);
        Count += count;
        return count;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        Count += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Ends a decompression that gives out of all proportion to what it takes (SECURITY invariant 9).</summary>
internal sealed class RatioStream(Stream inner, CountingStream input, int maxRatio) : ReadOnlyStream
{
    private const long Always = 64L << 20;
    private long _out;

    public override int Read(Span<byte> buffer)
    {
        try
        {
            return Check(inner.Read(buffer));
        }
        catch (InvalidDataException error)
        {
            throw Damaged(error);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return Check(await inner.ReadAsync(buffer, cancellationToken));
        }
        catch (InvalidDataException error)
        {
            throw Damaged(error);
        }
    }

    private static WharfException Damaged(InvalidDataException error) => WharfException.Invalid($"the compressed archive is damaged: {error.Message}", error);

    private int Check(int count)
    {
        _out += count;
        if (_out > Always && _out / maxRatio > input.Count) throw WharfException.Invalid($"the archive unpacks to more than {maxRatio} times its size: refused");
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>The part of <see cref="Stream"/> that a forward-only, asynchronous writer need not say again.</summary>
public abstract class WriteOnlyStream : Stream
{
    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("asynchronous only");
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush() { }
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>The part of <see cref="Stream"/> that a forward-only reader need not say again.</summary>
public abstract class ReadOnlyStream : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
