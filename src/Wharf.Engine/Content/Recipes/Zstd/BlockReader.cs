using System.Buffers.Binary;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Reads compressed blocks (RFC 8878, 3.1.1.3) into the window. InvalidDataException for what is none, or is not made again.</summary>
internal sealed class BlockReader(PlainWindow window, FrameState frame)
{
    private static ReadOnlySpan<SequencePart> Parts => [SequencePart.LiteralsLength, SequencePart.Offset, SequencePart.MatchLength];

    private readonly byte[] _literals = new byte[ZstdBlock.MaxSize];
    private int _literalsCount;

    /// <param name="maxDistance">How far back copies may reach.</param>
    public void Read(ReadOnlySpan<byte> content, ZstdBlock block, int maxDistance)
    {
        int at = ReadLiterals(content, block);
        at += ReadCount(content[at..], block);
        if (block.Count > 0) ReadSequences(content[at..], block);
        else if (at != content.Length) throw new InvalidDataException("more bytes than the block has use for");
        Execute(block, maxDistance);
    }

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> input, int at, int length) =>
        length <= input.Length - at ? input.Slice(at, length) : throw new InvalidDataException("the compressed data is cut short");

    private int ReadLiterals(ReadOnlySpan<byte> input, ZstdBlock block)
    {
        int head = Cut(input, 0, 1)[0];
        (block.Literals, block.SizeFormat) = ((LiteralsType)(head & 3), head >> 2 & 3);
        bool isPlain = block.Literals is LiteralsType.Raw or LiteralsType.Repeated;
        if (isPlain && block.SizeFormat == 2) block.SizeFormat = 0;
        int bytes = ZstdBlock.SizeBytes(block.Literals, block.SizeFormat);
        Span<byte> padded = stackalloc byte[8];
        Cut(input, 0, bytes).CopyTo(padded);
        ulong sizes = BinaryPrimitives.ReadUInt64LittleEndian(padded);
        int shift = isPlain && block.SizeFormat == 0 ? 3 : 4, width = isPlain ? bytes * 8 - shift : (bytes * 8 - shift) / 2;
        _literalsCount = (int)(sizes >> shift & (1ul << width) - 1);
        if (_literalsCount > ZstdBlock.MaxSize) throw new InvalidDataException("too many literals");
        var literals = _literals.AsSpan(0, _literalsCount);
        switch (block.Literals)
        {
            case LiteralsType.Raw:
                Cut(input, bytes, _literalsCount).CopyTo(literals);
                return bytes + _literalsCount;
            case LiteralsType.Repeated:
                literals.Fill(block.Repeated = Cut(input, bytes, 1)[0]);
                return bytes + 1;
            default:
                int length = (int)(sizes >> shift + width & (1ul << width) - 1);
                ReadStreams(Cut(input, bytes, length), block, literals);
                return bytes + length;
        }
    }

    private void ReadStreams(ReadOnlySpan<byte> input, ZstdBlock block, Span<byte> literals)
    {
        if (block.Literals == LiteralsType.Compressed)
        {
            int described = frame.TakeCode(input);
            block.Tree = input[..described].ToArray();
            input = input[described..];
        }
        if (block.SizeFormat == 0)
        {
            frame.Code.Decode(input, literals);
            return;
        }
        int quarter = (literals.Length + 3) / 4;
        if (quarter * 3 > literals.Length) throw new InvalidDataException("too few literals for four streams");
        var sizes = Cut(input, 0, 6);
        input = input[6..];
        for (int i = 0; i < 4; i++)
        {
            int size = i < 3 ? BinaryPrimitives.ReadUInt16LittleEndian(sizes[(i * 2)..]) : input.Length;
            frame.Code.Decode(Cut(input, 0, size), i < 3 ? literals.Slice(i * quarter, quarter) : literals[(3 * quarter)..]);
            input = input[size..];
        }
    }

    private static int ReadCount(ReadOnlySpan<byte> input, ZstdBlock block)
    {
        int first = Cut(input, 0, 1)[0];
        block.CountBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
        var bytes = Cut(input, 0, block.CountBytes);
        block.Count = block.CountBytes switch { 1 => first, 2 => (first - 128 << 8) + bytes[1], _ => bytes[1] + (bytes[2] << 8) + 0x7f00 };
        if (block.Count > ZstdBlock.MaxSequences) throw new InvalidDataException("too many sequences");
        return block.CountBytes;
    }

    private void ReadSequences(ReadOnlySpan<byte> input, ZstdBlock block)
    {
        int modes = Cut(input, 0, 1)[0];
        if ((modes & 3) != 0) throw new InvalidDataException("a block of a kind that is not known");
        input = input[1..];
        foreach (var part in Parts)
        {
            var mode = block.Modes[(int)part] = (TableMode)(modes >> 6 - 2 * (int)part & 3);
            int described = frame.TakeTable(part, mode, input);
            block.Tables[(int)part] = input[..described].ToArray();
            input = input[described..];
        }
        var bits = new BackwardBits(input);
        var (literals, offsets, matches) = (frame.Table(SequencePart.LiteralsLength), frame.Table(SequencePart.Offset), frame.Table(SequencePart.MatchLength));
        int literal = (int)bits.Take(literals.Log), offset = (int)bits.Take(offsets.Log), match = (int)bits.Take(matches.Log);
        for (int i = 0; ; i++)
        {
            block.Sequences[i] = ReadOne(ref bits, literals.Symbol(literal), offsets.Symbol(offset), matches.Symbol(match));
            if (i == block.Count - 1) break;
            literal = literals.Base(literal) + (int)bits.Take(literals.Bits(literal));
            match = matches.Base(match) + (int)bits.Take(matches.Bits(match));
            offset = offsets.Base(offset) + (int)bits.Take(offsets.Bits(offset));
        }
        (block.States[0], block.States[1], block.States[2]) = (literals.Index(literal), offsets.Index(offset), matches.Index(match));
        if (bits.Left != 0) throw new InvalidDataException("more bits than sequences");
    }

    private static Sequence ReadOne(ref BackwardBits bits, int literals, int offset, int match)
    {
        if (offset > 30) throw new InvalidDataException("an offset that is too large");
        int distance = (1 << offset) + (int)bits.Take(offset);
        int length = SequenceCodes.Base(SequencePart.MatchLength, match) + (int)bits.Take(SequenceCodes.ExtraBits(SequencePart.MatchLength, match));
        return new Sequence(SequenceCodes.Base(SequencePart.LiteralsLength, literals) + (int)bits.Take(SequenceCodes.ExtraBits(SequencePart.LiteralsLength, literals)), distance, length);
    }

    private void Execute(ZstdBlock block, int maxDistance)
    {
        var data = window.Data;
        int start = window.End, end = start + ZstdBlock.MaxSize, at = 0;
        for (int i = 0; i < block.Count; i++)
        {
            var sequence = block.Sequences[i];
            if (sequence.Literals > _literalsCount - at || sequence.Literals + sequence.Match > end - window.End) throw new InvalidDataException("sequences that do not fit");
            _literals.AsSpan(at, sequence.Literals).CopyTo(data.AsSpan(window.End));
            window.End += sequence.Literals;
            at += sequence.Literals;
            int distance = frame.Offsets.Distance(sequence.Offset, sequence.Literals == 0);
            if (distance <= 0 || distance > maxDistance || distance > window.End - Math.Max(0, window.MemberStart)) throw new InvalidDataException("a copy from too far back");
            frame.Offsets.Use(sequence.Offset, sequence.Literals == 0);
            window.Copy(distance, sequence.Match);
        }
        if (_literalsCount - at > end - window.End) throw new InvalidDataException("too large a block");
        _literals.AsSpan(at, _literalsCount - at).CopyTo(data.AsSpan(window.End));
        window.End += _literalsCount - at;
        block.Plain = window.End - start;
    }
}
