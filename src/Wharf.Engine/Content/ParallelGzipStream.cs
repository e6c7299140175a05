using System.Buffers.Binary;
using System.IO.Compression;

namespace Wharf.Engine.Content;

/// <summary>
/// Compresses on several processors at once into one gzip member (RFC 1952): pieces of a fixed length are deflated each for itself up to a byte's end, and follow one another. The
/// bytes depend on nothing but the content, the level and the compressor; not on how many processors there are.
/// </summary>
public sealed class ParallelGzipStream(Stream output, ZLibCompressionOptions options) : WriteOnlyStream
{
    private const int PieceLength = 1 << 20, TrailerLength = 8, MostAtOnce = 4;
    /// <summary>No name, no time, Unix.</summary>
    private static readonly byte[] _header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    /// <summary>An empty block that is the last (RFC 1951 section 3.2.6).</summary>
    private static readonly byte[] _lastBlock = [3, 0];

    /// <summary>A piece of the content and, once packed, its gzip form: up to <see cref="End"/> the header and whole blocks, behind it what ends a member.</summary>
    private sealed class Piece
    {
        public byte[] Plain { get; } = new byte[PieceLength];
        public int Length { get; set; }
        public MemoryStream Packed { get; } = new();
        public int End { get; set; }
        public uint Crc { get; set; }
    }

    private readonly int _atOnce = Math.Clamp(Environment.ProcessorCount, 1, MostAtOnce);
    private readonly Queue<(Piece Piece, Task Packing)> _running = [];
    private readonly Stack<Piece> _free = [];
    private Piece _filling = new();
    private uint _crc;
    private long _length;
    private bool _isBegun, _isFailed, _isEnded;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            int count = Math.Min(buffer.Length, PieceLength - _filling.Length);
            buffer[..count].CopyTo(_filling.Plain.AsMemory(_filling.Length));
            buffer = buffer[count..];
            _filling.Length += count;
            if (_filling.Length == PieceLength) await NextAsync(cancellationToken);
        }
    }

    /// <summary>Hands the piece to a processor; when enough are at work, the oldest is waited for and sent.</summary>
    private async ValueTask NextAsync(CancellationToken cancellation)
    {
        var piece = _filling;
        _running.Enqueue((piece, Task.Run(() => Pack(piece), CancellationToken.None)));
        while (_running.Count > _atOnce) await SendAsync(cancellation);
        _filling = _free.TryPop(out var free) ? free : new Piece();
    }

    private void Pack(Piece piece)
    {
        piece.Packed.SetLength(0);
        using (var gzip = new GZipStream(piece.Packed, options, leaveOpen: true))
        {
            gzip.Write(piece.Plain, 0, piece.Length);
            gzip.Flush();
            piece.End = (int)piece.Packed.Length;
        }
        // The member's end tells the checksum; the library computes it faster than we could.
        var packed = piece.Packed.GetBuffer().AsSpan(0, (int)piece.Packed.Length);
        piece.Crc = BinaryPrimitives.ReadUInt32LittleEndian(packed[^TrailerLength..]);
    }

    private async ValueTask SendAsync(CancellationToken cancellation)
    {
        var (piece, packing) = _running.Dequeue();
        try
        {
            await packing;
            await BeginAsync(cancellation);
            await output.WriteAsync(piece.Packed.GetBuffer().AsMemory(_header.Length, piece.End - _header.Length), cancellation);
        }
        catch
        {
            _isFailed = true;
            throw;
        }
        _crc = Crc32.Combine(_crc, piece.Crc, piece.Length);
        _length += piece.Length;
        piece.Length = 0;
        _free.Push(piece);
    }

    private async ValueTask BeginAsync(CancellationToken cancellation)
    {
        if (_isBegun) return;
        _isBegun = true;
        await output.WriteAsync(_header, cancellation);
    }

    /// <summary>Ends the member, unless it could not be written.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_isEnded) return;
        _isEnded = true;
        try
        {
            if (_isFailed) return;
            if (_filling.Length > 0) _running.Enqueue((_filling, Task.Run(() => Pack(_filling), CancellationToken.None)));
            while (_running.Count > 0) await SendAsync(CancellationToken.None);
            await BeginAsync(CancellationToken.None);
            var end = new byte[_lastBlock.Length + TrailerLength];
            _lastBlock.CopyTo(end, 0);
            BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(_lastBlock.Length), _crc);
            BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(_lastBlock.Length + 4), (uint)_length);
            await output.WriteAsync(end, CancellationToken.None);
        }
        finally
        {
            // Nobody may pack into what is let go.
            foreach (var (_, packing) in _running) await packing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            GC.SuppressFinalize(this);
        }
    }
}

/// <summary>The checksum of two texts one after the other from those of each (zlib's crc32_combine): appending zeros is a linear map over GF(2).</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xedb88320, One = 0x80000000;

    public static uint Combine(uint first, uint second, long secondLength) => Multiply(PowerOfX(secondLength * 8), first) ^ second;

    /// <summary>The product modulo the polynomial; the highest power is the lowest bit.</summary>
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (uint bit = One; bit != 0; bit >>= 1)
        {
            if ((a & bit) != 0) product ^= b;
            b = (b & 1) != 0 ? b >> 1 ^ Polynomial : b >> 1;
        }
        return product;
    }

    private static uint PowerOfX(long exponent)
    {
        uint result = One, square = One >> 1;
        for (; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0) result = Multiply(square, result);
            square = Multiply(square, square);
        }
        return result;
    }
}
