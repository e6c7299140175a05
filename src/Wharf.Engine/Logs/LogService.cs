using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Wharf.Engine.Logs;

/// <summary>Reads json-file logs back, across rotations, and follows them.</summary>
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
        long position = 0;
        if (query.Tail is { } tail) position = await CopyTailAsync(query.Path, tail, sink, cancellation);
        else
        {
            foreach (var rotated in RotatedFiles(query.Path)) await CopyFileAsync(rotated, 0, sink, cancellation);
            position = await CopyFileAsync(query.Path, 0, sink, cancellation);
        }
        await sink.FlushAsync(cancellation);
        if (query.FollowUntil is not null && !sink.PastUntil) await FollowAsync(query, watch!, position, sink, cancellation);
    }

    private static async Task FollowAsync(LogQuery query, LogWatch watch, long position, LogSink sink, CancellationToken cancellation)
    {
        while (true)
        {
            bool stopped = query.FollowUntil!.IsCompleted;
            if (watch.TakeRotated())
            {
                // What was the current file is the first rotated one now: its rest comes first.
                await CopyRotatedRestAsync(query.Path, position, sink, cancellation);
                position = 0;
            }
            position = await CopyFileAsync(query.Path, position, sink, cancellation);
            await sink.FlushAsync(cancellation);
            if (stopped || sink.PastUntil) return;
            await watch.WaitAsync(query.FollowUntil, cancellation);
        }
    }

    private static async Task CopyRotatedRestAsync(string path, long position, LogSink sink, CancellationToken cancellation)
    {
        if (File.Exists(path + ".1")) await CopyFileAsync(path + ".1", position, sink, cancellation);
        else if (File.Exists(path + ".1.gz")) await CopyFileAsync(path + ".1.gz", position, sink, cancellation);
    }

    /// <summary>Rotated files, oldest first.</summary>
    private static List<string> RotatedFiles(string path)
    {
        var files = new List<string>();
        for (int i = 1; ; i++)
        {
            if (File.Exists($"{path}.{i}")) files.Add($"{path}.{i}");
            else if (File.Exists($"{path}.{i}.gz")) files.Add($"{path}.{i}.gz");
            else break;
        }
        files.Reverse();
        return files;
    }

    /// <summary>Copies whole lines from <paramref name="position"/> on; returns the position behind the last whole line.</summary>
    private static async Task<long> CopyFileAsync(string path, long position, LogSink sink, CancellationToken cancellation)
    {
        if (!File.Exists(path)) return position;
        await using var file = Open(path);
        if (file.CanSeek) file.Position = Math.Min(position, file.Length);
        else await SkipAsync(file, position, cancellation);
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

    /// <summary>Copies the last <paramref name="lines"/> entries; returns the position behind the current file's last whole line.</summary>
    private static async Task<long> CopyTailAsync(string path, int lines, LogSink sink, CancellationToken cancellation)
    {
        if (!File.Exists(path)) return 0;
        var (start, found) = FindTail(path, lines);
        if (found < lines)
        {
            // Older files are needed too; compressed ones cannot be read from their end, so entries pass through a ring.
            int missing = lines - found;
            foreach (var rotated in RotatedFiles(path)) await CopyFileAsync(rotated, 0, sink.Last(missing), cancellation);
            sink.ReleaseLast();
        }
        return await CopyFileAsync(path, start, sink, cancellation);
    }

    private static (long Start, int Found) FindTail(string path, int lines)
    {
        using var file = Open(path);
        var buffer = new byte[64 << 10];
        long end = file.Length;
        int found = 0;
        bool atEnd = true;
        while (end > 0)
        {
            int size = (int)Math.Min(buffer.Length, end);
            file.Position = end - size;
            file.ReadExactly(buffer, 0, size);
            for (int i = size - 1; i >= 0; i--)
            {
                if (buffer[i] != '\n') continue;
                if (atEnd) { atEnd = false; continue; } // the end of the last line
                if (++found == lines) return (end - size + i + 1, found);
            }
            end -= size;
        }
        return (0, atEnd ? found : Math.Min(lines, found + 1));
    }

    private static async Task SkipAsync(Stream stream, long count, CancellationToken cancellation)
    {
        var buffer = new byte[64 << 10];
        while (count > 0)
        {
            int read = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellation);
            if (read == 0) return;
            count -= read;
        }
    }

    private static Stream Open(string path)
    {
        var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
        return path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }
}
