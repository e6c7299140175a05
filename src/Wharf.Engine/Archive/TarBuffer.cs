namespace Wharf.Engine.Archive;

/// <summary>Reads a stream in large pieces and hands out views of them, so that small records cost no call and file data no copy.</summary>
internal sealed class TarBuffer(Stream source)
{
    private const int FirstSize = 16 << 10, LastSize = 128 << 10;

    /// <summary>Small at first: most archives are, and what is large goes to the heap that only a full collection frees.</summary>
    private byte[] _data = GC.AllocateUninitializedArray<byte>(FirstSize);
    private int _start, _end;
    private bool _wasFilled;

    /// <summary>Bytes taken so far.</summary>
    public long Position { get; private set; }
    public int Available => _end - _start;
    public ReadOnlyMemory<byte> Pending => _data.AsMemory(_start, _end - _start);

    /// <summary>Makes at least <paramref name="count"/> bytes (at most 64 KiB) available; false when the stream ends before.</summary>
    public ValueTask<bool> FillAsync(int count, CancellationToken cancellation) =>
        Available >= count ? ValueTask.FromResult(true) : FillSlowlyAsync(count, cancellation);

    private async ValueTask<bool> FillSlowlyAsync(int count, CancellationToken cancellation)
    {
        if (_start > 0 || count > _data.Length)
        {
            var data = count > _data.Length || _wasFilled && _data.Length < LastSize ? GC.AllocateUninitializedArray<byte>(LastSize) : _data;
            _data.AsSpan(_start, Available).CopyTo(data);
            (_data, _start, _end) = (data, 0, Available);
        }
        while (Available < count)
        {
            int read = await source.ReadAsync(_data.AsMemory(_end), cancellation).ConfigureAwait(false);
            if (read == 0) return false;
            _end += read;
            _wasFilled = _end == _data.Length;
        }
        return true;
    }

    public void Advance(int count)
    {
        _start += count;
        Position += count;
    }
}
