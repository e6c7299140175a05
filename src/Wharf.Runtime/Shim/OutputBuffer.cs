using System.Buffers;

namespace Wharf.Runtime.Shim;

/// <summary>Bytes waiting to be written to a slow reader. Gives its memory back when empty.</summary>
internal sealed class OutputBuffer
{
    private const int LargestPooled = 128 << 10;

    private byte[] _bytes = [];
    private int _start, _end;

    public int Length => _end - _start;
    public ReadOnlySpan<byte> Pending => _bytes.AsSpan(_start, Length);

    public void Append(ReadOnlySpan<byte> data)
    {
        if (_end + data.Length > _bytes.Length) MakeRoom(data.Length);
        data.CopyTo(_bytes.AsSpan(_end));
        _end += data.Length;
    }

    public void Consume(int count)
    {
        _start += count;
        if (_start < _end) return;
        GiveBack();
        _bytes = [];
        _start = _end = 0;
    }

    private void MakeRoom(int more)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(4096, (Length + more) * 3 / 2));
        Pending.CopyTo(larger);
        GiveBack();
        _end = Length;
        _start = 0;
        _bytes = larger;
    }

    private void GiveBack()
    {
        // The pool would keep a large one for good.
        if (_bytes.Length is > 0 and <= LargestPooled) ArrayPool<byte>.Shared.Return(_bytes);
    }
}
