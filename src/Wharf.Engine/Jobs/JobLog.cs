using System.Text;
using Wharf.Engine.Content;

namespace Wharf.Engine.Jobs;

/// <summary>Takes what is written and keeps the last of it.</summary>
internal sealed class JobLog : WriteOnlyStream
{
    private const int Kept = 16 << 10;
    private byte[] _tail = [];

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        byte[] all = [.. _tail, .. buffer];
        _tail = all.Length > Kept ? all[^Kept..] : all;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <summary>Whole lines, when any of them is that short.</summary>
    public override string ToString()
    {
        int cut = _tail.Length == Kept ? Array.IndexOf(_tail, (byte)'\n') + 1 : 0;
        return Encoding.UTF8.GetString(_tail, cut, _tail.Length - cut);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
}
