namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>What a block is (RFC 8878, 3.1.1.2.2).</summary>
internal enum BlockType
{
    Raw,
    Repeated,
    Compressed,
}

/// <summary>How its literals are written (RFC 8878, 3.1.1.3.1.1).</summary>
internal enum LiteralsType
{
    Raw,
    Repeated,
    Compressed,

    /// <summary>With the code of the block before.</summary>
    Treeless,
}

/// <summary>How a table of a sequence's part is told (RFC 8878, 3.1.1.3.2.1).</summary>
internal enum TableMode
{
    Predefined,
    Single,
    Described,
    Repeated,
}

/// <summary>All of a block that neither its plain bytes nor its sequences tell.</summary>
internal sealed class ZstdBlock
{
    /// <summary>The most plain bytes, and the most compressed ones, that a block has.</summary>
    public const int MaxSize = 128 << 10;

    public const int MaxSequences = MaxSize / SequenceCodes.MinMatch;

    public bool IsLast { get; set; }
    public BlockType Type { get; set; }

    /// <summary>Its plain bytes.</summary>
    public int Plain { get; set; }

    /// <summary>What is repeated, of a block or of literals.</summary>
    public byte Repeated { get; set; }

    public LiteralsType Literals { get; set; }

    /// <summary>The two bits that tell how the literals' sizes are written, and whether they are four streams.</summary>
    public int SizeFormat { get; set; }

    /// <summary>The description of the literals' code, as it stands.</summary>
    public byte[] Tree { get; set; } = [];

    /// <summary>How many bytes tell the number of sequences.</summary>
    public int CountBytes { get; set; } = 1;

    public TableMode[] Modes { get; } = new TableMode[3];

    /// <summary>The descriptions of the tables, as they stand.</summary>
    public byte[][] Tables { get; } = [[], [], []];

    /// <summary>Which of their symbols' states are those of the last sequence, from which whoever wrote it began: mostly the first.</summary>
    public int[] States { get; } = new int[3];

    public Sequence[] Sequences { get; } = new Sequence[MaxSequences];

    public int Count { get; set; }

    /// <summary>Whether the sizes of literals stand in 1, 2 or 3 bytes (raw and repeated), or 3, 4 or 5.</summary>
    public static int SizeBytes(LiteralsType type, int format) => type switch
    {
        LiteralsType.Raw or LiteralsType.Repeated => format switch { 1 => 2, 3 => 3, _ => 1 },
        _ => format switch { 2 => 4, 3 => 5, _ => 3 },
    };

    /// <summary>How many bytes tell a number of sequences, where no more are taken than needed.</summary>
    public static int LeastCountBytes(int count) => count < 128 ? 1 : count < 0x7f00 ? 2 : 3;
}

/// <summary>What blocks of a frame hand on to the next one.</summary>
internal sealed class FrameState
{
    private readonly FseTable?[] _tables = new FseTable?[3];
    private LiteralsCode? _code;

    public RepeatOffsets Offsets { get; } = new();

    public LiteralsCode Code => _code ?? throw new InvalidDataException("literals in the code of a block that is not there");

    public FseTable Table(SequencePart part) => _tables[(int)part] ?? throw new InvalidDataException("a table of a block that is not there");

    public void Restart()
    {
        _tables.AsSpan().Clear();
        _code = null;
        Offsets.Restart();
    }

    /// <summary>Takes the code that is described; gives the length of its description.</summary>
    public int TakeCode(ReadOnlySpan<byte> input)
    {
        _code = LiteralsCode.Read(input, out int length);
        return length;
    }

    /// <summary>Takes the table of a part as its mode says; gives the length of its description.</summary>
    public int TakeTable(SequencePart part, TableMode mode, ReadOnlySpan<byte> input)
    {
        int length = 0;
        switch (mode)
        {
            case TableMode.Predefined:
                _tables[(int)part] = SequenceCodes.Default(part);
                break;
            case TableMode.Single:
                if (input.Length == 0) throw new InvalidDataException("the compressed data is cut short");
                if (input[0] > SequenceCodes.Highest(part)) throw new InvalidDataException("no such code");
                (_tables[(int)part], length) = (FseTable.Single(input[0]), 1);
                break;
            case TableMode.Described:
                _tables[(int)part] = FseTable.Read(input, SequenceCodes.Highest(part), SequenceCodes.MaxLog(part), out length);
                break;
            default:
                _ = Table(part);
                break;
        }
        return length;
    }
}
