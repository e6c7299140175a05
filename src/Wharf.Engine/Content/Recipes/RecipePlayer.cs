namespace Wharf.Engine.Content.Recipes;

/// <summary>Makes a gzip archive of its plain data by a recipe. InvalidDataException when they do not belong together; that the bytes are right, the caller proves by their digest.</summary>
internal sealed class RecipePlayer
{
    private const int Capacity = 1 << 20, Portion = 64 << 10;

    private readonly RangeDecoder _decoder;
    private readonly PartModel<DecodingBits> _parts;
    private readonly PlainWindow _window = new(Capacity);
    private readonly TokenPredictor _predictor;
    private readonly MatchFinder _finder;
    private readonly TokenModel _model;
    private readonly BitSink _sink = new();
    private HuffmanCode _literals = DeflateSymbols.FixedLiterals, _distances = DeflateSymbols.FixedDistances;
    // What is left of the part that is being written.
    private int _stored, _plainLiterals, _tokens;
    private bool _endsBlock, _isDone;

    public RecipePlayer(Stream recipe, int model)
    {
        _decoder = new RangeDecoder(recipe);
        _parts = new PartModel<DecodingBits>(new DecodingBits(_decoder));
        _predictor = CompressorModel.Make(model, _window);
        _finder = new MatchFinder(_window);
        _model = new TokenModel(_window, _finder);
    }

    public async Task RunAsync(Stream plain, Stream output, CancellationToken cancellation)
    {
        while (!_isDone)
        {
            await FillAsync(plain, cancellation).ConfigureAwait(false);
            Step();
            await output.WriteAsync(_sink.Written, cancellation).ConfigureAwait(false);
            _sink.Clear();
        }
        if (!_window.Ended || _window.Position != _window.End) throw new InvalidDataException("there is more data than the recipe is for");
    }

    private async ValueTask FillAsync(Stream plain, CancellationToken cancellation)
    {
        if (_window.Room < 2 * Portion && _window.Slide() is > 0 and var by)
        {
            _predictor.Slide(by);
            _finder.Slide(by);
        }
        while (!_window.Ended && _window.End - _window.Position < 2 * Portion)
        {
            int count = await plain.ReadAsync(_window.Data.AsMemory(_window.End, Math.Min(_window.Room, Portion)), cancellation).ConfigureAwait(false);
            if (count == 0) _window.Ended = true;
            _window.End += count;
        }
    }

    /// <summary>Goes on until more data is needed or enough has come out.</summary>
    private void Step()
    {
        while (!_isDone && _window.IsKnown && _sink.Length < Portion)
        {
            if (_stored > 0) PutStored();
            else if (_plainLiterals > 0) PutLiterals();
            else if (_tokens > 0) PutToken();
            else if (_endsBlock)
            {
                _sink.Put(_literals[DeflateSymbols.EndOfBlock]);
                _endsBlock = false;
            }
            else Begin(_parts.Part(default));
        }
    }

    private void Begin(Part part)
    {
        switch (part)
        {
            case Part.Member:
                PutBytes(_parts.Bytes([]));
                _window.MemberStart = _window.Position;
                _predictor.Restart();
                break;
            case Part.Block:
                BeginBlock(_parts.Block(null));
                break;
            case Part.Tokens:
                (int count, _endsBlock, bool isLiteral) = _parts.Tokens(-1, false, false);
                (_plainLiterals, _tokens) = isLiteral ? (count, 0) : (0, count);
                break;
            case Part.MemberEnd:
                _sink.Put((uint)_parts.Padding(0), _sink.Padding);
                PutBytes(_parts.Bytes([]));
                break;
            default:
                PutBytes(_parts.Bytes([]));
                _isDone = true;
                break;
        }
    }

    private void PutBytes(byte[] bytes)
    {
        foreach (byte value in bytes) _sink.Put(value, 8);
    }

    private void BeginBlock(BlockHeader header)
    {
        _sink.Put(header.IsFinal ? 1u : 0, 1);
        _sink.Put((uint)header.Type, 2);
        switch (header.Type)
        {
            case 0:
                _sink.Put((uint)header.Padding, _sink.Padding);
                _sink.Put((uint)header.Stored, 16);
                _sink.Put((uint)header.Stored ^ 0xffff, 16);
                _stored = header.Stored;
                break;
            case 1:
                (_literals, _distances) = (DeflateSymbols.FixedLiterals, DeflateSymbols.FixedDistances);
                break;
            default:
                PutCodes(header.Codes!);
                break;
        }
    }

    private void PutCodes(CodeDescription codes)
    {
        _sink.Put((uint)codes.Literals - 257, 5);
        _sink.Put((uint)codes.Distances - 1, 5);
        _sink.Put((uint)codes.Order.Length - 4, 4);
        foreach (byte length in codes.Order) _sink.Put(length, 3);
        var code = codes.LengthCode();
        int at = 0;
        var told = new CodeDescription(codes.Literals, codes.Distances, codes.Order, []);
        told.ReadSymbols(() => codes.Symbols[at].Symbol, _ => codes.Symbols[at].Extra, () => at++, out _literals, out _distances);
        foreach (var (symbol, extra) in codes.Symbols)
        {
            _sink.Put(code[symbol]);
            _sink.Put(extra, CodeDescription.ExtraBits(symbol));
        }
    }

    private void PutStored()
    {
        int count = Run(_stored);
        for (int i = _window.Position - count; i < _window.Position; i++) _sink.Put(_window.Data[i], 8);
        _stored -= count;
    }

    private void PutLiterals()
    {
        int count = Run(_plainLiterals);
        for (int i = _window.Position - count; i < _window.Position; i++) _sink.Put(_literals[_window.Data[i]]);
        _plainLiterals -= count;
    }

    private int Run(int left) => _window.Position < _window.End ? TokenModel.RunFree(_window, _predictor, left) : throw Short();

    private static InvalidDataException Short() => new("there is less data than the recipe is for");

    private void PutToken()
    {
        if (_window.Position >= _window.End) throw Short();
        var token = _model.Code(new DecodingBits(_decoder), _predictor.Predict(), default);
        if (token.Length > _window.End - _window.Position) throw Short();
        if (!token.IsMatch) _sink.Put(_literals[_window.Data[_window.Position]]);
        else
        {
            int length = DeflateSymbols.OfLength(token.Length), distance = DeflateSymbols.OfDistance(token.Distance);
            _sink.Put(_literals[257 + length]);
            _sink.Put((uint)(token.Length - DeflateSymbols.LengthBase[length]), DeflateSymbols.LengthBits[length]);
            _sink.Put(_distances[distance]);
            _sink.Put((uint)(token.Distance - DeflateSymbols.DistanceBase[distance]), DeflateSymbols.DistanceBits[distance]);
        }
        _predictor.Accept(token);
        _window.Position += token.Length;
        _tokens--;
    }
}
