namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>What a recipe is made of.</summary>
internal enum ZstdPart
{
    /// <summary>A frame's header.</summary>
    Frame,

    /// <summary>A block of the frame; its sequences follow.</summary>
    Block,

    /// <summary>Bytes as they stand: check sums, and frames that are skipped.</summary>
    Bytes,

    End,
}

/// <summary>Codes all parts of a recipe but for the sequences. The same steps read and write.</summary>
internal sealed class ZstdPartModel<T>(T coder) where T : struct, IBitCoder
{
    /// <summary>The most bytes of one part.</summary>
    public const int MaxBytes = 64 << 10;

    private const int MaxDescription = 255;

    private readonly BitTree _part = new(2), _type = new(2), _literals = new(2), _bytes = new(8), _tree = new(8), _countBytes = new(2);
    private readonly BitTree[] _formats = [new(2), new(2), new(2), new(2)], _modes = [new(2), new(2), new(2)], _tables = [new(8), new(8), new(8)];
    private readonly NumberModel _length = new(), _treeLength = new();
    private readonly ushort[] _flags = BitTree.Probabilities(3), _firstStates = BitTree.Probabilities(3);
    private int _lastPlain = ZstdBlock.MaxSize;

    public ZstdPart Part(ZstdPart part) => (ZstdPart)_part.Code(coder, (int)part);

    public byte[] Bytes(byte[] bytes) => Bytes(bytes, _length, _bytes, MaxBytes);

    private byte[] Bytes(byte[] bytes, NumberModel lengths, BitTree tree, int most)
    {
        int length = lengths.Code(coder, bytes.Length);
        if (length > most) throw new InvalidDataException("the recipe is damaged: too many bytes");
        var read = length == bytes.Length ? bytes : new byte[length];
        for (int i = 0; i < length; i++) read[i] = (byte)tree.Code(coder, read[i]);
        return read;
    }

    /// <summary>All but the sequences and the states they began from; tells whether there are sequences.</summary>
    public bool Block(ZstdBlock block)
    {
        block.IsLast = coder.Bit(ref _flags[0], block.IsLast ? 1 : 0) == 1;
        block.Type = (BlockType)_type.Code(coder, (int)block.Type);
        if (block.Type > BlockType.Compressed) throw new InvalidDataException("the recipe is damaged: no such block");
        if (coder.Bit(ref _flags[1], block.Plain == _lastPlain ? 0 : 1) == 0) block.Plain = _lastPlain;
        else block.Plain = _lastPlain = (int)coder.Bits((uint)block.Plain, 18);
        if (block.Plain > ZstdBlock.MaxSize) throw new InvalidDataException("the recipe is damaged: too large a block");
        if (block.Type == BlockType.Repeated) block.Repeated = (byte)_bytes.Code(coder, block.Repeated);
        if (block.Type != BlockType.Compressed) return false;
        Literals(block);
        block.CountBytes = _countBytes.Code(coder, block.CountBytes);
        if (coder.Bit(ref _flags[2], block.Count > 0 ? 0 : 1) == 1) return false;
        Tables(block);
        return true;
    }

    private void Literals(ZstdBlock block)
    {
        block.Literals = (LiteralsType)_literals.Code(coder, (int)block.Literals);
        block.SizeFormat = _formats[(int)block.Literals].Code(coder, block.SizeFormat);
        if (block.Literals == LiteralsType.Repeated) block.Repeated = (byte)_bytes.Code(coder, block.Repeated);
        if (block.Literals == LiteralsType.Compressed) block.Tree = Bytes(block.Tree, _treeLength, _tree, MaxDescription);
    }

    private void Tables(ZstdBlock block)
    {
        for (int part = 0; part < 3; part++) block.Modes[part] = (TableMode)_modes[part].Code(coder, (int)block.Modes[part]);
        for (int part = 0; part < 3; part++)
        {
            block.Tables[part] = block.Modes[part] switch
            {
                TableMode.Single => [(byte)_tables[part].Code(coder, block.Tables[part] is [var only] ? only : 0)],
                TableMode.Described => Bytes(block.Tables[part], _length, _tables[part], MaxDescription),
                _ => [],
            };
        }
    }

    /// <summary>Where whoever wrote the sequences began.</summary>
    public void States(ZstdBlock block)
    {
        for (int part = 0; part < 3; part++)
            block.States[part] = coder.Bit(ref _firstStates[part], block.States[part] == 0 ? 0 : 1) == 0 ? 0 : (int)coder.Bits((uint)block.States[part], 9);
    }
}
