using Wharf.Linux.Fds;

namespace Wharf.Engine.Snapshots.Erofs;

/// <summary>Bytes one after the other into a file from some place on, many at a time.</summary>
internal sealed class ErofsOutput(Fd file, long start)
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private long _flushed = start;
    private int _count;

    public long At => _flushed + _count;

    public void Write(ReadOnlySpan<byte> data)
    {
        if (data.Length > _buffer.Length - _count) Flush();
        if (data.Length > _buffer.Length)
        {
            FileAt.WriteAllAt(file.Value, data, _flushed);
            _flushed += data.Length;
            return;
        }
        data.CopyTo(_buffer.AsSpan(_count));
        _count += data.Length;
    }

    /// <summary>Zeros up to a place.</summary>
    public void PadTo(long place)
    {
        Span<byte> zeros = stackalloc byte[512];
        zeros.Clear();
        while (At < place) Write(zeros[..(int)Math.Min(zeros.Length, place - At)]);
    }

    public void Flush()
    {
        FileAt.WriteAllAt(file.Value, _buffer.AsSpan(0, _count), _flushed);
        _flushed += _count;
        _count = 0;
    }
}
