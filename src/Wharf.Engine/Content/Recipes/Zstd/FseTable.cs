using System.Numerics;

namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>A table of finite state entropy (RFC 8878, 4.1), for reading and, backwards, for writing.</summary>
internal sealed class FseTable
{
    private readonly byte[] _symbols, _bits;
    private readonly ushort[] _bases;
    // For writing: the states of each symbol, in their order, one symbol after the other.
    private readonly ushort[] _states, _first, _counts;

    /// <param name="log">The table has two to the power of this many states.</param>
    /// <param name="probabilities">In states, of each symbol; -1 for less than one. Their sum is the number of states.</param>
    public FseTable(int log, ReadOnlySpan<short> probabilities)
    {
        Log = log;
        int size = 1 << log, high = size - 1, mask = size - 1;
        (_symbols, _bits, _bases, _states) = (new byte[size], new byte[size], new ushort[size], new ushort[size]);
        (_first, _counts) = (new ushort[probabilities.Length], new ushort[probabilities.Length]);
        for (int symbol = 0; symbol < probabilities.Length; symbol++)
            if (probabilities[symbol] == -1) _symbols[high--] = (byte)symbol;
        int step = (size >> 1) + (size >> 3) + 3, at = 0;
        for (int symbol = 0; symbol < probabilities.Length; symbol++)
        {
            for (int i = 0; i < probabilities[symbol]; i++)
            {
                _symbols[at] = (byte)symbol;
                do at = at + step & mask;
                while (at > high);
            }
        }
        ushort first = 0;
        for (int symbol = 0; symbol < probabilities.Length; symbol++)
        {
            _first[symbol] = first;
            first += (ushort)Math.Abs((int)probabilities[symbol]);
        }
        for (int state = 0; state < size; state++)
        {
            int symbol = _symbols[state], count = Math.Abs((int)probabilities[symbol]), next = count + _counts[symbol];
            _states[_first[symbol] + _counts[symbol]++] = (ushort)state;
            _bits[state] = (byte)(log - BitOperations.Log2((uint)next));
            _bases[state] = (ushort)((next << _bits[state]) - size);
        }
    }

    /// <summary>The table that has one symbol, which costs nothing.</summary>
    public static FseTable Single(byte symbol)
    {
        var probabilities = new short[symbol + 1];
        probabilities[symbol] = 1;
        return new FseTable(0, probabilities);
    }

    public int Log { get; }

    public int Symbol(int state) => _symbols[state];

    /// <summary>How many bits lead from a state to the next one.</summary>
    public int Bits(int state) => _bits[state];

    /// <summary>The next state where those bits are zero.</summary>
    public int Base(int state) => _bases[state];

    /// <summary>Which of its symbol's states a state is.</summary>
    public int Index(int state)
    {
        int symbol = _symbols[state];
        return _states.AsSpan(_first[symbol], _counts[symbol]).IndexOf((ushort)state);
    }

    /// <summary>A state of a symbol; InvalidDataException when there is none.</summary>
    public int State(int symbol, int index) => symbol < _counts.Length && index < _counts[symbol] ? _states[_first[symbol] + index] : throw new InvalidDataException("a symbol that its table has not got");

    /// <summary>The state of a symbol from which bits lead to <paramref name="next"/>: there is exactly one. InvalidDataException for a symbol that the table has not got.</summary>
    public int Before(int symbol, int next, out uint value, out int bits)
    {
        int count = symbol < _counts.Length ? _counts[symbol] : 0;
        if (count == 0) throw new InvalidDataException("a symbol that its table has not got");
        int from = next + (1 << Log);
        bits = Log - BitOperations.Log2((uint)count);
        if (from >> bits < count) bits--;
        value = (uint)from & (1u << bits) - 1;
        return _states[_first[symbol] + (from >> bits) - count];
    }

    /// <summary>Reads a table's description (RFC 8878, 4.1.1); InvalidDataException when it makes no sense.</summary>
    /// <param name="highest">The highest symbol that may be.</param>
    /// <param name="length">How many bytes it has.</param>
    public static FseTable Read(ReadOnlySpan<byte> input, int highest, int maxLog, out int length)
    {
        var bits = new ForwardBits(input);
        int log = (int)bits.Take(4) + 5;
        if (log > maxLog) throw new InvalidDataException("a table with too many states");
        var probabilities = new short[highest + 1];
        int left = (1 << log) + 1, symbol = 0;
        while (left > 1)
        {
            if (symbol > highest) throw new InvalidDataException("a table with too many symbols");
            // Values up to what is left and one more; the lower ones of them have a bit less.
            int width = BitOperations.Log2((uint)left) + 1, short_ = (1 << width) - 1 - left;
            int value = (int)bits.Peek(width - 1);
            if (value < short_) bits.Skip(width - 1);
            else
            {
                value = (int)bits.Take(width);
                if (value >= 1 << width - 1) value -= short_;
            }
            int probability = value - 1;
            probabilities[symbol++] = (short)probability;
            left -= Math.Abs(probability);
            if (left < 1) throw new InvalidDataException("a table with too many states taken");
            if (probability != 0) continue;
            for (int run = 3; run == 3; symbol += run) run = (int)bits.Take(2);
        }
        length = bits.Bytes;
        return new FseTable(log, probabilities);
    }
}
