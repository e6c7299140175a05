namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Writes blocks again as they were, of their structure, their sequences and their plain bytes.</summary>
internal sealed class BlockWriter(FrameState frame)
{
    private readonly byte[] _literals = new byte[ZstdBlock.MaxSize];
    private readonly BitSink _content = new(), _stream = new();
    private readonly int[] _sizes = new int[4];

    /// <summary>Puts the block with its header into the sink. InvalidDataException when its parts do not belong together.</summary>
    public void Write(ZstdBlock block, ReadOnlySpan<byte> plain, BitSink sink)
    {
        _content.Clear();
        if (block.Type == BlockType.Compressed)
        {
            WriteLiterals(block, GatherLiterals(block, plain));
            WriteSequences(block);
        }
        int size = block.Type == BlockType.Compressed ? _content.Length : block.Plain;
        if (size > ZstdBlock.MaxSize) throw new InvalidDataException("too large a block");
        sink.Put((uint)(size << 3 | (int)block.Type << 1 | (block.IsLast ? 1 : 0)), 24);
        switch (block.Type)
        {
            case BlockType.Raw:
                sink.Put(plain);
                break;
            case BlockType.Repeated:
                sink.Put(block.Repeated, 8);
                break;
            default:
                sink.Put(_content.Written.Span);
                break;
        }
    }

    private ReadOnlySpan<byte> GatherLiterals(ZstdBlock block, ReadOnlySpan<byte> plain)
    {
        int count = 0;
        for (int i = 0; i < block.Count; i++)
        {
            var sequence = block.Sequences[i];
            plain[..sequence.Literals].CopyTo(_literals.AsSpan(count));
            count += sequence.Literals;
            plain = plain[(sequence.Literals + sequence.Match)..];
        }
        plain.CopyTo(_literals.AsSpan(count));
        return _literals.AsSpan(0, count + plain.Length);
    }

    private void WriteLiterals(ZstdBlock block, ReadOnlySpan<byte> literals)
    {
        bool isPlain = block.Literals is LiteralsType.Raw or LiteralsType.Repeated;
        int bytes = ZstdBlock.SizeBytes(block.Literals, block.SizeFormat), shift = isPlain && block.SizeFormat == 0 ? 3 : 4;
        int width = isPlain ? bytes * 8 - shift : (bytes * 8 - shift) / 2;
        ulong head = (uint)block.Literals | (uint)block.SizeFormat << 2 | (ulong)(uint)literals.Length << shift;
        if (literals.Length >= 1 << width) throw new InvalidDataException("more literals than their size can tell");
        if (!isPlain)
        {
            EncodeStreams(block, literals);
            if (_stream.Length >= 1 << width) throw new InvalidDataException("more bytes of literals than their size can tell");
            head |= (ulong)(uint)_stream.Length << shift + width;
        }
        for (int i = 0; i < bytes; i++) _content.Put((byte)(head >> 8 * i), 8);
        if (block.Literals == LiteralsType.Raw) _content.Put(literals);
        else if (block.Literals == LiteralsType.Repeated) _content.Put(block.Repeated, 8);
        else _content.Put(_stream.Written.Span);
    }

    /// <summary>The code's description, the sizes of the first three of four streams, and the streams.</summary>
    private void EncodeStreams(ZstdBlock block, ReadOnlySpan<byte> literals)
    {
        _stream.Clear();
        if (block.Literals == LiteralsType.Compressed)
        {
            frame.TakeCode(block.Tree);
            _stream.Put(block.Tree);
        }
        if (block.SizeFormat == 0)
        {
            frame.Code.Encode(literals, _stream);
            return;
        }
        int quarter = (literals.Length + 3) / 4, table = _stream.Length;
        if (quarter * 3 > literals.Length) throw new InvalidDataException("too few literals for four streams");
        _stream.Put((ReadOnlySpan<byte>)[0, 0, 0, 0, 0, 0]);
        for (int i = 0; i < 4; i++)
        {
            int before = _stream.Length;
            frame.Code.Encode(i < 3 ? literals.Slice(i * quarter, quarter) : literals[(3 * quarter)..], _stream);
            _sizes[i] = _stream.Length - before;
        }
        for (int i = 0; i < 3; i++)
        {
            if (_sizes[i] > ushort.MaxValue) throw new InvalidDataException("more bytes of a stream than its size can tell");
            System.Buffers.Binary.BinaryPrimitives.WriteUInt16LittleEndian(_stream.At(table + i * 2), (ushort)_sizes[i]);
        }
    }

    private void WriteSequences(ZstdBlock block)
    {
        switch (block.CountBytes)
        {
            case 1 when block.Count < 128:
                _content.Put((uint)block.Count, 8);
                break;
            case 2 when block.Count < 0x7f00:
                _content.Put((uint)(block.Count >> 8) + 128, 8);
                _content.Put((uint)block.Count & 255, 8);
                break;
            case 3 when block.Count >= 0x7f00:
                _content.Put(255, 8);
                _content.Put((uint)block.Count - 0x7f00, 16);
                break;
            default:
                throw new InvalidDataException("a number of sequences that does not fit");
        }
        if (block.Count == 0) return;
        _content.Put((uint)block.Modes[0] << 6 | (uint)block.Modes[1] << 4 | (uint)block.Modes[2] << 2, 8);
        for (int part = 0; part < 3; part++)
        {
            if (frame.TakeTable((SequencePart)part, block.Modes[part], block.Tables[part]) != block.Tables[part].Length) throw new InvalidDataException("a table that does not end where it should");
            _content.Put(block.Tables[part]);
        }
        WriteBits(block);
    }

    /// <summary>The last sequence first, each number's extra bits after what leads to its state.</summary>
    private void WriteBits(ZstdBlock block)
    {
        var (literals, offsets, matches) = (frame.Table(SequencePart.LiteralsLength), frame.Table(SequencePart.Offset), frame.Table(SequencePart.MatchLength));
        int literal = 0, offset = 0, match = 0;
        for (int i = block.Count - 1; i >= 0; i--)
        {
            var sequence = block.Sequences[i];
            int literalCode = SequenceCodes.Of(SequencePart.LiteralsLength, sequence.Literals), offsetCode = SequenceCodes.Of(SequencePart.Offset, sequence.Offset), matchCode = SequenceCodes.Of(SequencePart.MatchLength, sequence.Match);
            if (i < block.Count - 1)
            {
                offset = PutState(offsets, offsetCode, offset);
                match = PutState(matches, matchCode, match);
                literal = PutState(literals, literalCode, literal);
            }
            else (literal, offset, match) = (literals.State(literalCode, block.States[0]), offsets.State(offsetCode, block.States[1]), matches.State(matchCode, block.States[2]));
            PutExtra(SequencePart.LiteralsLength, literalCode, sequence.Literals);
            PutExtra(SequencePart.MatchLength, matchCode, sequence.Match);
            PutExtra(SequencePart.Offset, offsetCode, sequence.Offset);
        }
        _content.Put((uint)match, matches.Log);
        _content.Put((uint)offset, offsets.Log);
        _content.Put((uint)literal, literals.Log);
        _content.Put(1, 1);
        _content.Put(0, _content.Padding);
    }

    private int PutState(FseTable table, int symbol, int next)
    {
        int state = table.Before(symbol, next, out uint value, out int bits);
        _content.Put(value, bits);
        return state;
    }

    private void PutExtra(SequencePart part, int code, int value) => _content.Put((uint)(value - SequenceCodes.Base(part, code)), SequenceCodes.ExtraBits(part, code));
}
