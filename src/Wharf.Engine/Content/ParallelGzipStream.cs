using System.Buffers.Binary;
using Wharf.Engine.Content.Deflate;

namespace Wharf.Engine.Content;

/// <summary>
/// Compresses on several processors at once into one gzip member (RFC 1952): pieces of a fixed length are deflated each for itself up to a byte's end, and follow one another. The
/// bytes depend on nothing but the content, not on how many processors there are.
/// </summary>
public sealed class ParallelGzipStream(Stream output) : WriteOnlyStream
{
    private const int PieceLength = PieceDeflater.MaxPiece, TrailerLength = 8, MostAtOnce = 4;
    /// <summary>No name, no time, Unix.</summary>
    private static readonly byte[] _header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    /// <summary>An empty block that is the last (RFC 1951 section 3.2.6).</summary>
    private static readonly byte[] _lastBlock = [3, 0];

    /// <summary>A piece of the content and, once packed, its deflated form and checksum.</summary>
    private sealed class Piece
    {
        private readonly PieceDeflater _deflater = new();
        private readonly byte[] _packed = new byte[PieceDeflater.Bound(PieceLength)];
        private int _packedLength;

        public byte[] Plain { get; } = new byte[PieceLength];
        public int Length { get; set; }
        public ReadOnlyMemory<byte> Packed => _packed.AsMemory(0, _packedLength);
        public uint Crc { get; private set; }

        public void Pack()
        {
            var plain = Plain.AsSpan(0, Length);
            _packedLength = _deflater.Deflate(plain, _packed);
            Crc = Crc32.Of(plain);
        }
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
        _running.Enqueue((piece, Task.Run(piece.Pack, CancellationToken.None)));
        while (_running.Count > _atOnce) await SendAsync(cancellation);
        _filling = _free.TryPop(out var free) ? free : new Piece();
    }

    private async ValueTask SendAsync(CancellationToken cancellation)
    {
        var (piece, packing) = _running.Dequeue();
        try
        {
            await packing;
            await BeginAsync(cancellation);
            await output.WriteAsync(piece.Packed, cancellation);
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
            if (_filling.Length > 0) _running.Enqueue((_filling, Task.Run(_filling.Pack, CancellationToken.None)));
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
