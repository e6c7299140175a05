using System.Security.Cryptography;

namespace Wharf.Engine.Content.Recipes;

/// <summary>
/// Reads a gzip archive and writes what it takes to make the same bytes of its plain data again: where its compressor decided otherwise than predicted.
/// InvalidDataException for what is no gzip, or is written in a way that is not made again.
/// </summary>
internal sealed class RecipeRecorder
{
    private const int Capacity = 2 << 20, MaxChunk = 256 << 10;

    private readonly BitSource _source;
    private readonly RangeEncoder _encoder;
    private readonly PartModel<EncodingBits> _parts;
    private readonly PlainWindow _window = new(Capacity);
    private readonly TokenPredictor _predictor;
    private readonly MatchFinder _finder;
    private readonly TokenModel _model;
    private readonly IncrementalHash? _plainHash;
    private readonly CancellationToken _cancellation;
    private readonly Queue<Recorded> _waiting = new();
    private readonly Stack<uint[]> _free = new();
    private int _memberStart;
    private long _stopAfter;

    /// <summary>A part that waits until enough is known of what follows it.</summary>
    private sealed record Recorded(Part Part, int Plain)
    {
        public byte[] Bytes { get; init; } = [];
        public int Padding { get; init; }
        public BlockHeader? Header { get; init; }
        public uint[] Tokens { get; init; } = [];
        public int Count { get; init; }
        public bool IsLast { get; init; }
        public bool IsLiteral { get; init; }
    }

    public RecipeRecorder(Stream archive, Stream recipe, int model, IncrementalHash? plainHash, CancellationToken cancellation)
    {
        _source = new BitSource(archive);
        _encoder = new RangeEncoder(recipe);
        _parts = new PartModel<EncodingBits>(new EncodingBits(_encoder));
        _predictor = CompressorModel.Make(model, _window);
        _finder = new MatchFinder(_window);
        _model = new TokenModel(_window, _finder);
        (_plainHash, _cancellation) = (plainHash, cancellation);
    }

    /// <summary>Bytes of the recipe so far.</summary>
    public long Written => _encoder.Written;

    /// <summary>Bytes of the plain data so far.</summary>
    public long Plain { get; private set; }

    /// <summary>Records all, or the beginning.</summary>
    public void Run(long stopAfter = long.MaxValue)
    {
        _stopAfter = stopAfter;
        do
        {
            ReadMember();
            bool final;
            do
            {
                final = ReadBlock();
                if (Plain > stopAfter) return;
            }
            while (!final);
            int padding = (int)_source.TakePadding();
            Add(new Recorded(Part.MemberEnd, 0) { Padding = padding, Bytes = Take(8) });
        }
        while (_source.Peek(3) == 0x088b1f);
        var rest = new List<byte>();
        while (!_source.AtEnd())
        {
            if (rest.Count == PartModel<EncodingBits>.MaxBytes) throw new InvalidDataException("too much after the archive's end");
            rest.Add((byte)_source.Take(8));
        }
        Add(new Recorded(Part.End, 0) { Bytes = [.. rest] });
        _window.Ended = true;
        Drain();
        _encoder.Complete();
    }

    private byte[] Take(int count)
    {
        var bytes = new byte[count];
        for (int i = 0; i < count; i++) bytes[i] = (byte)_source.Take(8);
        return bytes;
    }

    /// <summary>RFC 1952, 2.3.</summary>
    private void ReadMember()
    {
        var header = new List<byte>(Take(10));
        if (header[0] != 0x1f || header[1] != 0x8b || header[2] != 8 || header[3] > 31) throw new InvalidDataException("no gzip archive");
        if ((header[3] & 4) != 0)
        {
            header.AddRange(Take(2));
            header.AddRange(Take(header[^2] | header[^1] << 8));
        }
        for (int texts = (header[3] >> 3 & 1) + (header[3] >> 4 & 1); texts > 0; texts--)
        {
            do
            {
                if (header.Count == PartModel<EncodingBits>.MaxBytes) throw new InvalidDataException("too long a gzip header");
                header.AddRange(Take(1));
            }
            while (header[^1] != 0);
        }
        if ((header[3] & 2) != 0) header.AddRange(Take(2));
        Add(new Recorded(Part.Member, 0) { Bytes = [.. header] });
        _memberStart = _window.End;
    }

    /// <summary>Reads a block; true for the last of its member.</summary>
    private bool ReadBlock()
    {
        bool final = _source.Take(1) == 1;
        int type = (int)_source.Take(2);
        switch (type)
        {
            case 0:
                ReadStored(final);
                break;
            case 1:
                Add(new Recorded(Part.Block, 0) { Header = new BlockHeader(final, 1, 0, 0, null) });
                ReadTokens(DeflateSymbols.FixedLiterals, DeflateSymbols.FixedDistances);
                break;
            case 2:
                var codes = new CodeDescription((int)_source.Take(5) + 257, (int)_source.Take(5) + 1, new byte[_source.Take(4) + 4], []);
                for (int i = 0; i < codes.Order.Length; i++) codes.Order[i] = (byte)_source.Take(3);
                var lengths = codes.LengthCode();
                codes.ReadSymbols(() => _source.Symbol(lengths), bits => (int)_source.Take(bits), static () => { }, out var literals, out var distances);
                Add(new Recorded(Part.Block, 0) { Header = new BlockHeader(final, 2, 0, 0, codes) });
                ReadTokens(literals, distances);
                break;
            default:
                throw new InvalidDataException("no such block");
        }
        return final;
    }

    private void ReadStored(bool final)
    {
        int padding = (int)_source.TakePadding(), length = (int)_source.Take(16);
        if ((_source.Take(16) ^ 0xffff) != length) throw new InvalidDataException("a stored block of two lengths");
        MakeRoom(length);
        for (int i = 0; i < length; i++) _window.Data[_window.End++] = (byte)_source.Take(8);
        Add(new Recorded(Part.Block, length) { Header = new BlockHeader(final, 0, padding, length, null) });
        Plain += length;
    }

    private void ReadTokens(HuffmanCode literals, HuffmanCode distances)
    {
        while (true)
        {
            MakeRoom(MaxChunk + 512);
            var tokens = _free.TryPop(out var used) ? used : new uint[PartModel<EncodingBits>.MaxTokens];
            int begin = _window.End, count = 0;
            bool ended = false, literal = true;
            while (!ended && count < tokens.Length && _window.End - begin < MaxChunk)
            {
                int symbol = _source.Symbol(literals);
                if (symbol < DeflateSymbols.EndOfBlock)
                {
                    _window.Data[_window.End++] = (byte)symbol;
                    tokens[count++] = 1;
                }
                else if (symbol == DeflateSymbols.EndOfBlock) ended = true;
                else
                {
                    tokens[count++] = Copy(symbol - 257, distances);
                    literal = false;
                }
            }
            int plain = _window.End - begin;
            Plain += plain;
            Add(new Recorded(Part.Tokens, plain) { Tokens = tokens, Count = count, IsLast = ended, IsLiteral = literal });
            if (ended || Plain > _stopAfter) return;
        }
    }

    private uint Copy(int symbol, HuffmanCode distances)
    {
        if (symbol >= DeflateSymbols.LengthBase.Length) throw new InvalidDataException("no such length");
        int length = DeflateSymbols.LengthBase[symbol] + (int)_source.Take(DeflateSymbols.LengthBits[symbol]);
        if (symbol != 28 && length == 258) throw new InvalidDataException("the greatest length in its longer form, which nobody writes");
        int code = _source.Symbol(distances);
        if (code >= DeflateSymbols.DistanceBase.Length) throw new InvalidDataException("no such distance");
        int distance = DeflateSymbols.DistanceBase[code] + (int)_source.Take(DeflateSymbols.DistanceBits[code]);
        if (distance > _window.End - _memberStart || distance > _window.End) throw new InvalidDataException("a copy from before the start");
        _window.Copy(distance, length);
        return (uint)(distance << 9 | length);
    }

    private void MakeRoom(int count)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (_window.Room >= count) return;
        if (_window.Slide() is > 0 and var by)
        {
            _predictor.Slide(by);
            _finder.Slide(by);
            _memberStart = Math.Max(_memberStart - by, -(1 << 30));
        }
        if (_window.Room < count) throw new InvalidOperationException("the window is too small");
    }

    private void Add(Recorded part)
    {
        _waiting.Enqueue(part);
        Drain();
    }

    private void Drain()
    {
        while (_waiting.TryPeek(out var part) && (_window.Ended || part.Plain == 0 || _window.End - _window.Position - part.Plain >= PlainWindow.Lookahead))
        {
            _waiting.Dequeue();
            _plainHash?.AppendData(_window.Data, _window.Position, part.Plain);
            Write(part);
        }
    }

    private void Write(Recorded part)
    {
        _parts.Part(part.Part);
        switch (part.Part)
        {
            case Part.Member:
                _parts.Bytes(part.Bytes);
                _window.MemberStart = _window.Position;
                _predictor.Restart();
                break;
            case Part.Block:
                _parts.Block(part.Header);
                for (int left = part.Plain; left > 0;) left -= TokenModel.RunFree(_window, _predictor, left);
                break;
            case Part.Tokens:
                _parts.Tokens(part.Count, part.IsLast, part.IsLiteral);
                WriteTokens(part);
                _free.Push(part.Tokens);
                break;
            case Part.MemberEnd:
                _parts.Padding(part.Padding);
                _parts.Bytes(part.Bytes);
                break;
            default:
                _parts.Bytes(part.Bytes);
                break;
        }
    }

    private void WriteTokens(Recorded part)
    {
        if (part.IsLiteral)
        {
            for (int left = part.Plain; left > 0;) left -= TokenModel.RunFree(_window, _predictor, left);
            return;
        }
        var coder = new EncodingBits(_encoder);
        for (int i = 0; i < part.Count; i++)
        {
            var actual = new Token((int)(part.Tokens[i] & 511), (int)(part.Tokens[i] >> 9));
            _model.Code(coder, _predictor.Predict(), actual);
            _predictor.Accept(actual);
            _window.Position += actual.Length;
        }
    }
}
