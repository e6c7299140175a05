using Wharf.Engine.Content.Recipes;

namespace Wharf.Engine.Content.Deflate;

/// <summary>The Huffman codes of one block, made for how often it uses each symbol (RFC 1951, 3.2.7).</summary>
internal sealed class BlockCodes
{
    public const int LiteralCount = 286, DistanceCount = 30;
    /// <summary>One less than allowed: so four literals are written at once.</summary>
    private const int MostBits = 14, MostRunBits = 7;
    private const int RunCount = 19, Repeat = 16, FewZeros = 17, ManyZeros = 18;

    private readonly byte[] _literalBits = new byte[LiteralCount], _distanceBits = new byte[DistanceCount], _runBits = new byte[RunCount];
    private readonly Code[] _runCodes = new Code[RunCount];
    // The lengths of all codes, runs of the same shortened.
    private readonly List<(int Symbol, int Extra)> _runs = [];
    private readonly int[] _runUses = new int[RunCount];
    private int _literalCount, _distanceCount, _runCount;

    public Code[] Literals { get; } = new Code[LiteralCount];
    /// <summary>By length, with the extra bits.</summary>
    public Code[] Lengths { get; } = new Code[259];
    public Code[] Distances { get; } = new Code[DistanceCount];
    /// <summary>The block would be no shorter than its bytes as they are.</summary>
    public bool AreWorse { get; private set; }

    public void Make(Span<int> literalUses, Span<int> distanceUses, int plainLength)
    {
        // Not every reader takes fewer than two distances.
        for (int symbol = 0; symbol < 2; symbol++) if (distanceUses.Length - distanceUses.Count(0) < 2 && distanceUses[symbol] == 0) distanceUses[symbol] = 1;
        CodeLengths.Make(literalUses, MostBits, _literalBits);
        CodeLengths.Make(distanceUses, MostBits, _distanceBits);
        (_literalCount, _distanceCount) = (Used(_literalBits, DeflateSymbols.EndOfBlock + 1), Used(_distanceBits, 1));
        MakeRuns();
        AreWorse = Cost(literalUses, distanceUses) / 8 >= plainLength;
        if (AreWorse) return;
        Fill(Literals, _literalBits);
        Fill(Distances, _distanceBits);
        for (int length = 3; length < Lengths.Length; length++)
        {
            int symbol = DeflateSymbols.OfLength(length);
            var code = Literals[DeflateSymbols.EndOfBlock + 1 + symbol];
            Lengths[length] = code.Then((uint)(length - DeflateSymbols.LengthBase[symbol]), DeflateSymbols.LengthBits[symbol]);
        }
    }

    private static int Used(byte[] bits, int least) => Math.Max(least, bits.AsSpan().LastIndexOfAnyExcept((byte)0) + 1);

    private static void Fill(Code[] codes, byte[] bits)
    {
        var code = new HuffmanCode(bits);
        for (int i = 0; i < bits.Length; i++) codes[i] = bits[i] == 0 ? default : new(code[i].Code, bits[i]);
    }

    /// <summary>How many bits the block takes, but for its head's first few.</summary>
    private long Cost(ReadOnlySpan<int> literalUses, ReadOnlySpan<int> distanceUses)
    {
        long bits = 0;
        for (int i = 0; i < LiteralCount; i++) bits += (long)literalUses[i] * (_literalBits[i] + (i <= DeflateSymbols.EndOfBlock ? 0 : DeflateSymbols.LengthBits[i - DeflateSymbols.EndOfBlock - 1]));
        for (int i = 0; i < DistanceCount; i++) bits += (long)distanceUses[i] * (_distanceBits[i] + DeflateSymbols.DistanceBits[i]);
        foreach (var (symbol, _) in _runs) bits += _runBits[symbol] + ExtraBits(symbol);
        return bits;
    }

    private static int ExtraBits(int symbol) => symbol switch { Repeat => 2, FewZeros => 3, ManyZeros => 7, _ => 0 };

    private void MakeRuns()
    {
        _runs.Clear();
        Array.Clear(_runUses);
        Span<byte> all = stackalloc byte[_literalCount + _distanceCount];
        _literalBits.AsSpan(0, _literalCount).CopyTo(all);
        _distanceBits.AsSpan(0, _distanceCount).CopyTo(all[_literalCount..]);
        while (all.Length > 0)
        {
            byte bits = all[0];
            int run = all.IndexOfAnyExcept(bits) is > -1 and var end ? end : all.Length;
            all = all[run..];
            if (bits > 0)
            {
                AddRun(bits, 0);
                run--;
            }
            for (int taken; run >= 3; run -= taken)
            {
                taken = Math.Min(run, bits > 0 ? 6 : 138);
                if (bits > 0) AddRun(Repeat, taken - 3);
                else if (taken < 11) AddRun(FewZeros, taken - 3);
                else AddRun(ManyZeros, taken - 11);
            }
            for (; run > 0; run--) AddRun(bits, 0);
        }
        CodeLengths.Make(_runUses, MostRunBits, _runBits);
        Fill(_runCodes, _runBits);
        for (_runCount = RunCount; _runCount > 4 && _runBits[DeflateSymbols.CodeLengthOrder[_runCount - 1]] == 0;) _runCount--;
    }

    private void AddRun(int symbol, int extra)
    {
        _runs.Add((symbol, extra));
        _runUses[symbol]++;
    }

    /// <summary>Not the last block, codes of its own, and these.</summary>
    public void WriteHead(ref DeflateWriter writer)
    {
        writer.Put(0b100, 3);
        writer.Put((uint)(_literalCount - 257 | _distanceCount - 1 << 5 | _runCount - 4 << 10), 14);
        for (int i = 0; i < _runCount; i++) writer.Put(_runBits[DeflateSymbols.CodeLengthOrder[i]], 3);
        foreach (var (symbol, extra) in _runs) writer.Put(_runCodes[symbol].Then((uint)extra, ExtraBits(symbol)));
    }
}
