using Wharf.Engine.Content.Recipes;
using Wharf.Engine.Content.Recipes.Zstd;

namespace Wharf.Tests.Engine.Content.Recipes;

/// <summary>Zstd archives as no compressor writes them, and every reader must take them: frames, blocks, literals, tables and offsets at random.</summary>
internal sealed class RandomZstd
{
    private readonly Random _random;
    private readonly BitSink _sink = new();
    private readonly FrameState _frame = new();
    private readonly BlockWriter _writer;
    private readonly RepeatOffsets _offsets = new();
    private readonly List<byte> _plain = [];
    private int _frameStart;
    private bool _hasCode, _hasTables;

    private RandomZstd(Random random)
    {
        _random = random;
        _writer = new BlockWriter(_frame);
    }

    public static (byte[] Archive, byte[] Plain) Make(Random random)
    {
        var made = new RandomZstd(random);
        for (int frames = random.Next(1, 4); frames > 0; frames--)
        {
            if (random.Next(3) == 0) made.Skipped();
            made.Frame();
        }
        return (made._sink.Written.ToArray(), [.. made._plain]);
    }

    private byte[] Noise(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private void Skipped()
    {
        int length = _random.Next(4) == 0 ? _random.Next(150_000) : _random.Next(20);
        _sink.Put(0x184d2a50 + (uint)_random.Next(16), 32);
        _sink.Put((uint)length, 32);
        _sink.Put(Noise(length));
    }

    /// <summary>A window of 8 MiB, with a check sum or without: it is kept, not looked at, as a digest stands over all.</summary>
    private void Frame()
    {
        bool isSummed = _random.Next(2) == 0;
        _sink.Put(0xfd2fb528, 32);
        _sink.Put(isSummed ? 4u : 0, 8);
        _sink.Put(13 << 3, 8);
        (_frameStart, _hasCode, _hasTables) = (_plain.Count, false, false);
        _frame.Restart();
        _offsets.Restart();
        for (int blocks = _random.Next(1, 8); blocks > 0; blocks--) Block(blocks == 1);
        if (isSummed) _sink.Put(Noise(4));
    }

    private void Block(bool isLast)
    {
        var block = new ZstdBlock { IsLast = isLast, Type = (BlockType)Math.Min(_random.Next(6), 2) };
        int start = _plain.Count;
        switch (block.Type)
        {
            case BlockType.Raw:
                _plain.AddRange(Noise(_random.Next(3) == 0 ? _random.Next(ZstdBlock.MaxSize + 1) : _random.Next(20)));
                break;
            case BlockType.Repeated:
                block.Repeated = (byte)_random.Next(256);
                _plain.AddRange(Enumerable.Repeat(block.Repeated, _random.Next(1000)));
                break;
            default:
                Compressed(block);
                break;
        }
        block.Plain = _plain.Count - start;
        var plain = _plain.GetRange(start, block.Plain).ToArray();
        _writer.Write(block, plain, _sink);
    }

    private void Compressed(ZstdBlock block)
    {
        block.Literals = (LiteralsType)_random.Next(_hasCode ? 4 : 3);
        block.Repeated = (byte)_random.Next(16);
        block.SizeFormat = block.Literals is LiteralsType.Raw or LiteralsType.Repeated ? 3 : _random.Next(2) == 0 ? 3 : 0;
        if (block.Literals == LiteralsType.Compressed)
        {
            block.Tree = Tree();
            _hasCode = true;
        }
        int most = block.SizeFormat == 0 ? 500 : 5000, literals = block.Literals == LiteralsType.Compressed || block.SizeFormat == 3 ? 8 : 0;
        for (int i = 0; i < literals; i++) Literal(block);
        // A sequence takes what literals there are before it.
        int waiting = literals;
        if (_random.Next(5) > 0)
        {
            bool isSame = _random.Next(4) == 0;
            var (length, match) = (_random.Next(3), _random.Next(3, 9));
            for (int count = _random.Next(most / 4) + 1; count > 0; count--)
            {
                int more = isSame ? Math.Max(0, length - waiting) : _random.Next(4);
                for (; more > 0; more--, waiting++) Literal(block);
                if (_plain.Count == _frameStart) continue;
                Copy(block, waiting, isSame ? match : _random.Next(10) == 0 ? _random.Next(3, 300) : _random.Next(3, 12));
                waiting = 0;
            }
        }
        for (int rest = _random.Next(20); rest > 0; rest--) Literal(block);
        block.CountBytes = ZstdBlock.LeastCountBytes(block.Count) is 1 && _random.Next(4) == 0 ? 2 : ZstdBlock.LeastCountBytes(block.Count);
        if (block.Count > 0) Tables(block);
    }

    private void Literal(ZstdBlock block) => _plain.Add(block.Literals == LiteralsType.Repeated ? block.Repeated : (byte)_random.Next(16));

    private void Copy(ZstdBlock block, int literals, int length)
    {
        int known = _plain.Count - _frameStart, offset = _random.Next(3) == 0 ? _random.Next(1, 4) : _random.Next(1, _random.Next(2) == 0 ? known + 1 : Math.Min(known, 40) + 1) + RepeatOffsets.Codes;
        if (_offsets.Distance(offset, literals == 0) is var repeated && (repeated <= 0 || repeated > known)) offset = 1 + RepeatOffsets.Codes;
        int distance = _offsets.Distance(offset, literals == 0);
        _offsets.Use(offset, literals == 0);
        block.Sequences[block.Count++] = new Sequence(literals, offset, length);
        for (; length > 0; length--) _plain.Add(_plain[^distance]);
    }

    /// <summary>A code of sixteen literals: lengths of 1, 2, 3 and so on, or all of 4, told as numbers.</summary>
    private byte[] Tree()
    {
        bool isSkewed = _random.Next(2) == 0;
        // The last one's is what is left.
        var weights = Enumerable.Range(0, 15).Select(symbol => !isSkewed ? 1 : symbol < 5 ? 1 : symbol < 8 ? 2 : symbol < 12 ? 1 : 3).ToArray();
        if (isSkewed)
        {
            int sum = weights.Sum(static weight => 1 << weight - 1), full = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)sum + 1);
            // Where what is left is no power of two, the first ones take of it.
            for (int i = 0; !System.Numerics.BitOperations.IsPow2(full - sum); i++) { sum += (1 << weights[i]) - (1 << weights[i] - 1); weights[i]++; }
        }
        var tree = new byte[1 + 8];
        tree[0] = 127 + 15;
        for (int i = 0; i < 15; i++) tree[1 + i / 2] |= (byte)(weights[i] << (i % 2 == 0 ? 4 : 0));
        return tree;
    }

    private void Tables(ZstdBlock block)
    {
        bool repeats = _hasTables && _random.Next(3) == 0 && Fits(block);
        for (int part = 0; part < 3; part++)
        {
            var codes = block.Sequences.Take(block.Count).Select(sequence => SequenceCodes.Of((SequencePart)part, part switch { 0 => sequence.Literals, 1 => sequence.Offset, _ => sequence.Match })).Distinct().ToList();
            block.Modes[part] = repeats ? TableMode.Repeated : codes.Count == 1 ? TableMode.Single : _random.Next(2) == 0 ? TableMode.Predefined : TableMode.Described;
            block.Tables[part] = block.Modes[part] switch { TableMode.Single => [(byte)codes[0]], TableMode.Described => Described((SequencePart)part), _ => [] };
            // The writer keeps tables as a reader does, and is asked which states there are.
            if (block.Modes[part] != TableMode.Repeated) _frame.TakeTable((SequencePart)part, block.Modes[part], block.Tables[part]);
            var table = _frame.Table((SequencePart)part);
            var last = block.Sequences[block.Count - 1];
            int code = SequenceCodes.Of((SequencePart)part, part switch { 0 => last.Literals, 1 => last.Offset, _ => last.Match });
            block.States[part] = _random.Next(Enumerable.Range(0, 1 << table.Log).Count(state => table.Symbol(state) == code));
        }
        _hasTables = true;
    }

    private bool Fits(ZstdBlock block) => Enumerable.Range(0, 3).All(part =>
    {
        var table = _frame.Table((SequencePart)part);
        var has = Enumerable.Range(0, 1 << table.Log).Select(table.Symbol).ToHashSet();
        return block.Sequences.Take(block.Count).All(sequence => has.Contains(SequenceCodes.Of((SequencePart)part, part switch { 0 => sequence.Literals, 1 => sequence.Offset, _ => sequence.Match })));
    });

    /// <summary>A table of 2^6 or more states for all codes that are made here: each gets one, some get more, the last what is left.</summary>
    private byte[] Described(SequencePart part)
    {
        int log = _random.Next(6, SequenceCodes.MaxLog(part) + 1), codes = part switch { SequencePart.LiteralsLength => 30, SequencePart.Offset => 24, _ => 48 };
        var sink = new BitSink();
        sink.Put((uint)log - 5, 4);
        int left = (1 << log) + 1;
        for (int code = 0; code < codes; code++)
        {
            int probability = code == codes - 1 ? left - 1 : _random.Next(4) == 0 ? -1 : 1 + _random.Next(2) * Math.Min(1, Math.Max(0, left - 1 - 2 * (codes - code)));
            int width = System.Numerics.BitOperations.Log2((uint)left) + 1, low = (1 << width) - 1 - left, value = probability + 1;
            if (value < low) sink.Put((uint)value, width - 1);
            else sink.Put((uint)(value >= 1 << width - 1 ? value + low : value), width);
            left -= Math.Abs(probability);
        }
        sink.Put(0, sink.Padding);
        return sink.Written.ToArray();
    }
}
