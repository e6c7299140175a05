namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Goes through the plain data block by block and codes what its compressor made of it. The same steps read and write.</summary>
internal sealed class SequenceCoder
{
    /// <summary>Copies from further back are not made again; zstd's documents ask decoders for this much, and the usual levels use no more.</summary>
    public const int MaxDistance = 8 << 20;

    // The more room there is beyond what copies reach, the seldomer all of it is moved down.
    private const int Room = 4 << 20, FirstCapacity = 2 * ZstdBlock.MaxSize, Capacity = MaxDistance + Room + 2 * ZstdBlock.MaxSize;

    private readonly RepeatOffsets _offsets = new();
    private readonly SequencePredictor _predictor;
    private readonly WindowFinder _finder;
    private readonly SequenceModel _model;

    public SequenceCoder(int model)
    {
        (_predictor, _finder) = ZstdModels.Make(model, Window, _offsets);
        _model = new SequenceModel(Window, _finder, _offsets);
    }

    public PlainWindow Window { get; } = new(FirstCapacity, MaxDistance);

    /// <summary>A frame begins at the window's position.</summary>
    public void Restart()
    {
        Window.MemberStart = Window.Position;
        _offsets.Restart();
        _predictor.Restart();
    }

    /// <summary>Makes room for a block, when all before it is coded.</summary>
    public void MakeRoom()
    {
        if (Window.Room >= ZstdBlock.MaxSize || Window.Grow(Capacity) || Window.Slide() is not (> 0 and var by)) return;
        _predictor.Slide(by);
        _finder.Slide(by);
    }

    /// <summary>A block without sequences, over which its compressor had searched all the same.</summary>
    public void PassBlock(int plain)
    {
        _predictor.BeginBlock();
        while (plain > 0) plain -= TokenModel.RunFree(Window, _predictor, plain);
    }

    /// <summary>A block with sequences, which are given or read.</summary>
    public void CodeBlock<T>(T coder, ZstdBlock block, bool areGiven) where T : struct, IBitCoder
    {
        _predictor.BeginBlock();
        int end = Window.Position + block.Plain, literals = 0, at = 0;
        while (Window.Position < end)
        {
            var (actual, offset) = (Token.Literal, 0);
            if (areGiven && at < block.Count && literals == block.Sequences[at].Literals)
            {
                offset = block.Sequences[at].Offset;
                actual = new Token(block.Sequences[at].Match, _offsets.Distance(offset, literals == 0));
            }
            var predicted = _predictor.Predict();
            var token = _model.Code(coder, predicted, _predictor.Hint, actual);
            if (token.Length > end - Window.Position) throw new InvalidDataException("the recipe is damaged: a copy beyond its block");
            if (token.IsMatch)
            {
                offset = _model.Offset(coder, token.Distance, literals == 0, offset);
                block.Sequences[at++] = new Sequence(literals, offset, token.Length);
                _offsets.Use(offset, literals == 0);
                literals = 0;
            }
            else literals++;
            _predictor.Accept(token);
            Window.Position += token.Length;
        }
        block.Count = at;
    }
}
