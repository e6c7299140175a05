namespace Wharf.Engine.Content.Recipes;

/// <summary>What a recipe is made of.</summary>
internal enum Part
{
    /// <summary>A member's header.</summary>
    Member,

    /// <summary>A block's header; a stored block's bytes belong to it.</summary>
    Block,

    /// <summary>Tokens of a block.</summary>
    Tokens,

    /// <summary>A member's end with its check sum and length.</summary>
    MemberEnd,

    /// <summary>The end, and what follows the last member.</summary>
    End,
}

/// <summary>The header of a block, as its bits say it.</summary>
/// <param name="Type">0 stored, 1 with fixed, 2 with own codes.</param>
/// <param name="Padding">Of a stored block: the bits before its length.</param>
/// <param name="Stored">Of a stored block: its bytes.</param>
/// <param name="Codes">Of own codes: what describes them.</param>
internal sealed record BlockHeader(bool IsFinal, int Type, int Padding, int Stored, CodeDescription? Codes);

/// <summary>Own codes of a block (RFC 1951, 3.2.7): the lengths of the codes for code lengths, and the symbols and extra bits that tell the code lengths.</summary>
internal sealed record CodeDescription(int Literals, int Distances, byte[] Order, List<(byte Symbol, byte Extra)> Symbols)
{
    public static int ExtraBits(int symbol) => symbol switch { 16 => 2, 17 => 3, 18 => 7, _ => 0 };

    /// <summary>The code that <see cref="Symbols"/> are written in.</summary>
    public HuffmanCode LengthCode()
    {
        var lengths = new byte[19];
        for (int i = 0; i < Order.Length; i++) lengths[DeflateSymbols.CodeLengthOrder[i]] = Order[i];
        return new HuffmanCode(lengths);
    }

    /// <summary>Reads symbols from wherever they come until all lengths are told. InvalidDataException when they make no sense.</summary>
    public void ReadSymbols(Func<int> symbol, Func<int, int> extra, Action next, out HuffmanCode literals, out HuffmanCode distances)
    {
        var lengths = new byte[Literals + Distances];
        for (int at = 0; at < lengths.Length;)
        {
            int one = symbol(), more = ExtraBits(one), added = more > 0 ? extra(more) : 0;
            Symbols.Add(((byte)one, (byte)added));
            next();
            int count = one switch { 16 or 17 => 3 + added, 18 => 11 + added, _ => 1 };
            if (at + count > lengths.Length || (one == 16 && at == 0)) throw new InvalidDataException("code lengths that do not fit");
            lengths.AsSpan(at, count).Fill(one == 16 ? lengths[at - 1] : one < 16 ? (byte)one : (byte)0);
            at += count;
        }
        literals = new HuffmanCode(lengths.AsSpan(0, Literals));
        distances = new HuffmanCode(lengths.AsSpan(Literals));
    }
}

/// <summary>Codes all parts of a recipe but for the tokens themselves. The same steps read and write.</summary>
internal sealed class PartModel<T>(T coder) where T : struct, IBitCoder
{
    /// <summary>More than any header and any end of an archive has that someone made in earnest.</summary>
    public const int MaxBytes = 1 << 20;

    public const int MaxTokens = 1 << 16;

    private readonly BitTree _part = new(3), _type = new(2), _bytes = new(8);
    private readonly BitTree[] _symbols = [.. Enumerable.Range(0, 20).Select(static _ => new BitTree(5))];
    private readonly ushort[] _flags = BitTree.Probabilities(4);
    private int _lastCount;

    public Part Part(Part part)
    {
        int read = _part.Code(coder, (int)part);
        return read <= (int)Recipes.Part.End ? (Part)read : throw new InvalidDataException("the recipe is damaged: no such part");
    }

    public byte[] Bytes(byte[] bytes)
    {
        uint length = coder.Bits((uint)bytes.Length, 32);
        if (length > MaxBytes) throw new InvalidDataException("the recipe is damaged: too many bytes");
        var read = length == bytes.Length ? bytes : new byte[length];
        for (int i = 0; i < read.Length; i++) read[i] = (byte)_bytes.Code(coder, read[i]);
        return read;
    }

    /// <summary>Bits that fill up a byte are zero, but need not be.</summary>
    public int Padding(int bits) => coder.Bit(ref _flags[0], bits == 0 ? 0 : 1) == 0 ? 0 : (int)coder.Bits((uint)bits, 7);

    public BlockHeader Block(BlockHeader? header)
    {
        bool final = coder.Bit(ref _flags[1], header?.IsFinal == true ? 1 : 0) == 1;
        int type = _type.Code(coder, header?.Type ?? 0);
        if (type == 3) throw new InvalidDataException("the recipe is damaged: no such block");
        if (type == 0) return new BlockHeader(final, 0, Padding(header?.Padding ?? 0), (int)coder.Bits((uint)(header?.Stored ?? 0), 16), null);
        return new BlockHeader(final, type, 0, 0, type == 2 ? Codes(header?.Codes) : null);
    }

    private CodeDescription Codes(CodeDescription? codes)
    {
        int literals = (int)coder.Bits((uint)((codes?.Literals ?? 257) - 257), 5) + 257, distances = (int)coder.Bits((uint)((codes?.Distances ?? 1) - 1), 5) + 1;
        var order = new byte[coder.Bits((uint)((codes?.Order.Length ?? 4) - 4), 4) + 4];
        if (order.Length > 19) throw new InvalidDataException("the recipe is damaged: too many code lengths");
        for (int i = 0; i < order.Length; i++) order[i] = (byte)coder.Bits(codes?.Order[i] ?? 0u, 3);
        var read = new CodeDescription(literals, distances, order, []);
        int at = 0, last = 19;
        read.ReadSymbols(() =>
        {
            last = _symbols[last].Code(coder, codes?.Symbols[at].Symbol ?? 0);
            return last < 19 ? last : throw new InvalidDataException("the recipe is damaged: no such code length");
        }, bits => (int)coder.Bits(codes?.Symbols[at].Extra ?? 0u, bits), () => at++, out _, out _);
        return read;
    }

    /// <summary>How many tokens follow, whether the block ends with them, and whether they are literals only.</summary>
    public (int Count, bool IsLast, bool IsLiteral) Tokens(int count, bool isLast, bool isLiteral)
    {
        if (coder.Bit(ref _flags[2], count == _lastCount ? 0 : 1) != 0) _lastCount = (int)coder.Bits((uint)count, 17);
        if (_lastCount > MaxTokens) throw new InvalidDataException("the recipe is damaged: too many tokens");
        return (_lastCount, coder.Bit(ref _flags[3], isLast ? 0 : 1) == 0, coder.Bits(isLiteral ? 1u : 0, 1) == 1);
    }
}
