namespace Wharf.Engine.Content.Recipes.Zstd;

/// <summary>Makes a zstd archive of its plain data by a recipe. InvalidDataException when they do not belong together; that the bytes are right, the caller proves by their digest.</summary>
internal sealed class ZstdPlayer
{
    private const int Portion = 64 << 10;

    private readonly DecodingBits _coder;
    private readonly ZstdPartModel<DecodingBits> _parts;
    private readonly SequenceCoder _sequences;
    private readonly PlainWindow _window;
    private readonly FrameState _frame = new();
    private readonly BlockWriter _writer;
    private readonly ZstdBlock _block = new();
    private readonly BitSink _sink = new();

    public ZstdPlayer(Stream recipe, int model)
    {
        _coder = new DecodingBits(new RangeDecoder(recipe));
        _parts = new ZstdPartModel<DecodingBits>(_coder);
        _sequences = new SequenceCoder(model);
        _window = _sequences.Window;
        _writer = new BlockWriter(_frame);
    }

    public async Task RunAsync(Stream plain, Stream output, CancellationToken cancellation)
    {
        ZstdPart part;
        do
        {
            part = _parts.Part(default);
            switch (part)
            {
                case ZstdPart.Frame:
                    _sink.Put(_parts.Bytes([]));
                    _frame.Restart();
                    _sequences.Restart();
                    break;
                case ZstdPart.Block:
                    await PlayBlockAsync(plain, cancellation).ConfigureAwait(false);
                    break;
                case ZstdPart.Bytes:
                    _sink.Put(_parts.Bytes([]));
                    break;
            }
            if (_sink.Length < Portion && part != ZstdPart.End) continue;
            await output.WriteAsync(_sink.Written, cancellation).ConfigureAwait(false);
            _sink.Clear();
        }
        while (part != ZstdPart.End);
        if (await plain.ReadAsync(new byte[1], cancellation).ConfigureAwait(false) > 0) throw new InvalidDataException("there is more data than the recipe is for");
    }

    private async Task PlayBlockAsync(Stream plain, CancellationToken cancellation)
    {
        bool hasSequences = _parts.Block(_block);
        _sequences.MakeRoom();
        int start = _window.Position;
        int count = await plain.ReadAtLeastAsync(_window.Data.AsMemory(start, _block.Plain), _block.Plain, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
        if (count < _block.Plain) throw new InvalidDataException("there is less data than the recipe is for");
        _window.End += count;
        _block.Count = 0;
        if (!hasSequences) _sequences.PassBlock(_block.Plain);
        else
        {
            _sequences.CodeBlock(_coder, _block, areGiven: false);
            _parts.States(_block);
        }
        _writer.Write(_block, _window.Data.AsSpan(start, _block.Plain), _sink);
    }
}
