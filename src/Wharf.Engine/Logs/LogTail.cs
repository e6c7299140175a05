using System.Buffers.Binary;

namespace Wharf.Engine.Logs;

/// <summary>Finds the last entries of a log file from its end.</summary>
internal static class LogTail
{
    /// <summary>Where the last <paramref name="lines"/> entries begin, and how many there are from there.</summary>
    public static (long Start, int Found) Find(FileStream file, LogFormat format, int lines) => format == LogFormat.Local ? FindFrames(file, lines) : FindLines(file, lines);

    private static (long Start, int Found) FindLines(FileStream file, int lines)
    {
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

    // Each frame ends with its length.
    private static (long Start, int Found) FindFrames(FileStream file, int lines)
    {
        Span<byte> length = stackalloc byte[4];
        long start = file.Length;
        int found = 0;
        while (found < lines && start >= 8)
        {
            RandomAccess.Read(file.SafeFileHandle, length, start - 4);
            long before = start - 8 - BinaryPrimitives.ReadInt32BigEndian(length);
            if (before < 0 || before >= start) break; // torn: what lies before cannot be counted
            start = before;
            found++;
        }
        return (start, found);
    }
}
