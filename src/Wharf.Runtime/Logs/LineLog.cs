using System.Buffers;

namespace Wharf.Runtime.Logs;

/// <summary>How a piece of a line that was longer than <see cref="LineLog.MaxLine"/> goes with the others.</summary>
internal sealed record PartOfLine(string Id, int Ordinal, bool Last);

/// <summary>
/// Cuts output into lines for a log that keeps them one by one, without their line ends. Lines longer than 16 KiB are cut as docker
/// does; a line that the process left unfinished at its end is a part that no last one follows.
/// </summary>
internal abstract class LineLog : ContainerLog
{
    public const int MaxLine = 16 << 10;

    private readonly byte[]?[] _rest = new byte[]?[2];
    private readonly int[] _length = new int[2];
    private readonly PartOfLine?[] _part = new PartOfLine?[2];

    /// <summary>Takes a line; <paramref name="part"/> is null for a whole one. <paramref name="text"/> is only lent.</summary>
    protected abstract void Line(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, PartOfLine? part);

    /// <summary>All lines of one read have been given.</summary>
    protected virtual void EndOfRead() { }

    public override void Write(int stream, ReadOnlySpan<byte> data)
    {
        var time = DateTimeOffset.UtcNow;
        while (data.Length > 0)
        {
            int end = data.IndexOf((byte)'\n');
            int room = MaxLine - _length[stream];
            bool complete = end >= 0 && end <= room;
            int take = complete ? end : Math.Min(room, data.Length);
            if (!complete && take < room)
            {
                Keep(stream, data);
                break;
            }
            if (_length[stream] > 0)
            {
                Keep(stream, data[..take]);
                Give(stream, _rest[stream].AsSpan(0, _length[stream]), time, complete);
                Release(stream);
            }
            else Give(stream, data[..take], time, complete);
            data = data[(complete ? take + 1 : take)..];
        }
        EndOfRead();
    }

    public override void Finish()
    {
        for (int stream = 0; stream < 2; stream++)
        {
            if (_length[stream] == 0) continue;
            Give(stream, _rest[stream].AsSpan(0, _length[stream]), DateTimeOffset.UtcNow, complete: false);
            Release(stream);
        }
        EndOfRead();
    }

    private void Give(int stream, ReadOnlySpan<byte> text, DateTimeOffset time, bool complete)
    {
        var part = _part[stream];
        if (part is not null || !complete)
            part = new PartOfLine(part?.Id ?? Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32)), (part?.Ordinal ?? 0) + 1, complete);
        _part[stream] = complete ? null : part;
        Line(stream, text, time, part);
    }

    private void Keep(int stream, ReadOnlySpan<byte> data)
    {
        var rest = _rest[stream] ??= ArrayPool<byte>.Shared.Rent(MaxLine);
        data.CopyTo(rest.AsSpan(_length[stream]));
        _length[stream] += data.Length;
    }

    private void Release(int stream)
    {
        ArrayPool<byte>.Shared.Return(_rest[stream]!);
        _rest[stream] = null;
        _length[stream] = 0;
    }
}
