using System.Buffers;

namespace Wharf.Engine.Content;

/// <summary>One step of a decoder over buffers.</summary>
internal interface IDecoder : IDisposable
{
    /// <summary>
    /// Decodes what it can. True once the compressed data has come to a proper end, after which more input may start a new stream.
    /// Throws InvalidArgument for damaged data.
    /// </summary>
    bool Decode(ReadOnlySpan<byte> input, Span<byte> output, bool inputEnded, out int consumed, out int produced);
}

/// <summary>The plain bytes of a compressed stream, by a decoder of ours.</summary>
internal sealed class DecoderStream(Stream input, IDecoder decoder) : ReadOnlyStream
{
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
    private int _start, _end;
    private bool _inputEnded, _atEnd;

    public override int Read(Span<byte> buffer)
    {
        while (true)
        {
            if (Step(buffer, out int produced)) return produced;
            Filled(input.Read(_buffer));
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (Step(buffer.Span, out int produced)) return produced;
            Filled(await input.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false));
        }
    }

    /// <summary>False when more input is needed.</summary>
    private bool Step(Span<byte> buffer, out int produced)
    {
        produced = 0;
        if (buffer.IsEmpty) return true;
        while (true)
        {
            if (_start == _end && _atEnd && _inputEnded) return true;
            if (_start == _end && !_inputEnded && (_atEnd || _end == 0)) return false;
            bool ended = decoder.Decode(_buffer.AsSpan(_start, _end - _start), buffer, _inputEnded, out int consumed, out produced);
            _start += consumed;
            _atEnd = ended;
            if (produced > 0) return true;
            if (_start == _end && !_inputEnded) return false;
            if (!ended && consumed == 0) throw Specs.Errors.WharfException.Invalid("the compressed archive is cut short");
        }
    }

    private void Filled(int count)
    {
        (_start, _end) = (0, count);
        _inputEnded = count == 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            decoder.Dispose();
            ArrayPool<byte>.Shared.Return(_buffer);
            input.Dispose();
        }
        base.Dispose(disposing);
    }
}
