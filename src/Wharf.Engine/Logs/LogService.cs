using System.Buffers;

namespace Wharf.Engine.Logs;

/// <summary>Reads logs back, across rotations, and follows them.</summary>
public sealed class LogService
{
    private const int BufferSize = 256 << 10, MaxEntry = 1 << 20;

    /// <summary>Writes what the query asks for onto <paramref name="output"/>; returns when all is written and, when following, the container has stopped.</summary>
    public async Task CopyAsync(LogQuery query, Stream output, CancellationToken cancellation)
    {
        var sink = new LogSink(query, output);
        if (query.Tail == 0 && query.FollowUntil is null) return;
        // The watch is there before the first byte is read: nothing written meanwhile is missed.
        using var watch = query.FollowUntil is null ? null : new LogWatch(query.Path);
        var place = await CopyPresentAsync(query, sink, cancellation);
        try
        {
            await sink.FlushAsync(cancellation);
            while (query.FollowUntil is not null && !sink.PastUntil)
            {
                bool stopped = query.FollowUntil.IsCompleted;
                place = await CopyNewAsync(query.Path, place, sink, cancellation);
                await sink.FlushAsync(cancellation);
                if (stopped) return;
                await watch!.WaitAsync(query.FollowUntil, cancellation);
            }
        }
        finally { place.File?.Dispose(); }
    }

    /// <summary>Where a reader is: in which file, up to where, and how many rotations the log had had when that file was the current one.</summary>
    private readonly record struct Place(FileStream? File, long Position, long Generation);

    private static async Task<Place> CopyPresentAsync(LogQuery query, LogSink sink, CancellationToken cancellation)
    {
        using var set = await LogFileSet.OpenAsync(query.Path, cancellation);
        long position = 0;
        if (query.Tail is { } lines) position = await SkipToTailAsync(set, query.Format, lines, sink, cancellation);
        else for (int i = set.Rotated; i >= 1; i--) await CopyRotatedAsync(set, i, sink, cancellation);
        if (set.Current is not null) position = await CopyAsync(set.Current, position, sink, cancellation);
        return new Place(set.TakeCurrent(), position, set.Generation);
    }

    /// <summary>Goes on where the reader stopped: the rest of its file, then those that were begun and rotated meanwhile, then the current one.</summary>
    private static async Task<Place> CopyNewAsync(string path, Place place, LogSink sink, CancellationToken cancellation)
    {
        if (place.File is not null && LogFileSet.GenerationOf(path) == place.Generation)
            return place with { Position = await CopyAsync(place.File, place.Position, sink, cancellation) };
        using var set = await LogFileSet.OpenAsync(path, cancellation);
        // Its file is no longer written to: what it holds now is all.
        if (place.File is not null) await CopyAsync(place.File, place.Position, sink, cancellation);
        long missed = place.File is null ? set.Rotated : set.Generation - place.Generation - 1;
        for (long i = Math.Min(missed, set.Rotated); i >= 1; i--) await CopyRotatedAsync(set, (int)i, sink, cancellation);
        place.File?.Dispose();
        long position = set.Current is null ? 0 : await CopyAsync(set.Current, 0, sink, cancellation);
        return new Place(set.TakeCurrent(), position, set.Generation);
    }

    private static async Task CopyRotatedAsync(LogFileSet set, int index, LogSink sink, CancellationToken cancellation)
    {
        var content = set.Content(index);
        try { await CopyAsync(content, 0, sink, cancellation); }
        finally { if (content is not FileStream) await content.DisposeAsync(); }
    }

    /// <summary>Copies whole entries from <paramref name="position"/> on; returns the position behind the last whole one.</summary>
    private static async Task<long> CopyAsync(Stream file, long position, LogSink sink, CancellationToken cancellation)
    {
        if (file.CanSeek)
        {
            if (file.Length == position) return position;
            file.Position = position;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int filled = 0, count;
            while ((count = await file.ReadAsync(buffer.AsMemory(filled), cancellation)) > 0)
            {
                filled += count;
                int taken = sink.Take(buffer.AsSpan(0, filled));
                position += taken;
                buffer.AsSpan(taken, filled - taken).CopyTo(buffer);
                filled -= taken;
                if (sink.PastUntil) break;
                await sink.FlushIfFullAsync(cancellation);
                if (filled == buffer.Length) buffer = Grow(buffer, filled);
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
        return position;
    }

    private static byte[] Grow(byte[] buffer, int filled)
    {
        if (filled > MaxEntry) throw new InvalidDataException("the log has a line that is no entry");
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.AsSpan(0, filled).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    /// <summary>Finds where the last <paramref name="lines"/> entries begin; those in older files are copied at once.</summary>
    private static async Task<long> SkipToTailAsync(LogFileSet set, LogFormat format, int lines, LogSink sink, CancellationToken cancellation)
    {
        var (start, found) = set.Current is null ? (0, 0) : lines == 0 ? (set.Current.Length, 0) : LogTail.Find(set.Current, format, lines);
        if (found >= lines) return start;
        // Older files are needed too; compressed ones cannot be read from their end, so entries pass through a ring.
        sink.Last(lines - found);
        for (int i = set.Rotated; i >= 1; i--) await CopyRotatedAsync(set, i, sink, cancellation);
        sink.ReleaseLast();
        return start;
    }
}
