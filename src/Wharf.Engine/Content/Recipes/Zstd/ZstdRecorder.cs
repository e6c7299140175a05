using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>
/// Reads a zstd archive (RFC 8878) and writes what it takes to make the same bytes of its plain data again: where its compressor decided otherwise than
/// predicted. InvalidDataException for what is no zstd, or is written in a way that is not made again.
/// </summary>
internal sealed class ZstdRecorder
{
    private const uint FrameMagic = 0xfd2fb528, SkippedMagic = 0x184d2a50;

    private readonly BufferedStream _archive;
    private readonly RangeEncoder _encoder;
    private readonly EncodingBits _coder;
    private readonly ZstdPartModel<EncodingBits> _parts;
    private readonly SequenceCoder _sequences;
    private readonly PlainWindow _window;
    private readonly FrameState _frame = new();
    private readonly BlockReader _reader;
    private readonly ZstdBlock _block = new();
    private readonly byte[] _content = new byte[ZstdBlock.MaxSize];
    private readonly IncrementalHash? _plainHash;
    private readonly CancellationToken _cancellation;

    public ZstdRecorder(Stream archive, Stream recipe, int model, IncrementalHash? plainHash, CancellationToken cancellation)
    {
        (_archive, _plainHash, _cancellation) = (new BufferedStream(archive, 64 << 10), plainHash, cancellation);
        _encoder = new RangeEncoder(recipe);
        _coder = new EncodingBits(_encoder);
        _parts = new ZstdPartModel<EncodingBits>(_coder);
        _sequences = new SequenceCoder(model);
        _window = _sequences.Window;
        _reader = new BlockReader(_window, _frame);
    }

    /// <summary>Bytes of the recipe so far.</summary>
    public long Written => _encoder.Written;

    /// <summary>Bytes of the plain data so far.</summary>
    public long Plain { get; private set; }

    /// <summary>Records all, or the beginning.</summary>
    public void Run(long stopAfter = long.MaxValue)
    {
        bool any = false;
        while (TryTake(4))
        {
            any = true;
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(_content);
            if (magic == FrameMagic) ReadFrame(stopAfter);
            else if ((magic & ~0xfu) == SkippedMagic) ReadSkipped();
            else throw new InvalidDataException("no zstd archive");
            if (Plain > stopAfter) return;
        }
        if (!any) throw new InvalidDataException("no zstd archive");
        _parts.Part(ZstdPart.End);
        _encoder.Complete();
    }

    /// <summary>The next bytes, or false at the end of all.</summary>
    private bool TryTake(int count)
    {
        int read = _archive.ReadAtLeast(_content.AsSpan(0, count), count, throwOnEndOfStream: false);
        return read == count || (read == 0 ? false : throw new InvalidDataException("the compressed data is cut short"));
    }

    private Span<byte> Take(int count)
    {
        if (count > _content.Length) throw new InvalidDataException("too large a block");
        return count == 0 || TryTake(count) ? _content.AsSpan(0, count) : throw new InvalidDataException("the compressed data is cut short");
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        _parts.Part(ZstdPart.Bytes);
        _parts.Bytes(bytes.ToArray());
    }

    /// <summary>RFC 8878, 3.1.2: a frame for others, as it stands.</summary>
    private void ReadSkipped()
    {
        WriteBytes(Take(4, 4));
        for (uint left = BinaryPrimitives.ReadUInt32LittleEndian(_content.AsSpan(4)); left > 0;)
        {
            _cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(left, ZstdPartModel<EncodingBits>.MaxBytes);
            WriteBytes(Take(count));
            left -= (uint)count;
        }
    }

    /// <summary>What was taken already, and more after it.</summary>
    private Span<byte> Take(int taken, int more)
    {
        if (_archive.ReadAtLeast(_content.AsSpan(taken, more), more, throwOnEndOfStream: false) < more) throw new InvalidDataException("the compressed data is cut short");
        return _content.AsSpan(0, taken + more);
    }

    /// <summary>RFC 8878, 3.1.1.1.</summary>
    private void ReadFrame(long stopAfter)
    {
        int flags = Take(4, 1)[4];
        if ((flags & 8) != 0) throw new InvalidDataException("a frame of a kind that is not known");
        bool isSingle = (flags & 32) != 0;
        int dictionary = (flags & 3) switch { 0 => 0, 1 => 1, 2 => 2, _ => 4 }, size = (flags >> 6) switch { 0 => isSingle ? 1 : 0, 1 => 2, 2 => 4, _ => 8 }, window = isSingle ? 0 : 1;
        var header = Take(5, window + dictionary + size);
        if (header.Slice(5 + window, dictionary).ContainsAnyExcept((byte)0)) throw new InvalidDataException("a frame with a dictionary");
        long distance = long.MaxValue;
        if (!isSingle)
        {
            long least = 1L << 10 + (header[5] >> 3);
            distance = least + least / 8 * (header[5] & 7);
        }
        _parts.Part(ZstdPart.Frame);
        _parts.Bytes(header.ToArray());
        _frame.Restart();
        _sequences.Restart();
        do
        {
            _cancellation.ThrowIfCancellationRequested();
            ReadBlock((int)Math.Min(distance, SequenceCoder.MaxDistance));
            if (Plain > stopAfter) return;
        }
        while (!_block.IsLast);
        if ((flags & 4) != 0) WriteBytes(Take(4));
    }

    /// <summary>RFC 8878, 3.1.1.2.</summary>
    private void ReadBlock(int maxDistance)
    {
        var bytes = Take(3);
        int header = bytes[0] | bytes[1] << 8 | bytes[2] << 16, size = header >> 3;
        (_block.IsLast, _block.Type, _block.Count) = ((header & 1) == 1, (BlockType)(header >> 1 & 3), 0);
        if (size > ZstdBlock.MaxSize) throw new InvalidDataException("too large a block");
        _sequences.MakeRoom();
        switch (_block.Type)
        {
            case BlockType.Raw:
                Take(size).CopyTo(_window.Data.AsSpan(_window.End));
                _window.End += _block.Plain = size;
                break;
            case BlockType.Repeated:
                _block.Repeated = Take(1)[0];
                _window.Data.AsSpan(_window.End, size).Fill(_block.Repeated);
                _window.End += _block.Plain = size;
                break;
            case BlockType.Compressed:
                _reader.Read(Take(size), _block, maxDistance);
                break;
            default:
                throw new InvalidDataException("no such block");
        }
        WriteBlock();
    }

    private void WriteBlock()
    {
        Plain += _block.Plain;
        _plainHash?.AppendData(_window.Data, _window.Position, _block.Plain);
        _parts.Part(ZstdPart.Block);
        if (!_parts.Block(_block)) _sequences.PassBlock(_block.Plain);
        else
        {
            _sequences.CodeBlock(_coder, _block, areGiven: true);
            _parts.States(_block);
        }
    }
}
