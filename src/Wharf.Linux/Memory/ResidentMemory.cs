using System.Globalization;
using Wharf.Linux.Syscalls;

namespace Wharf.Linux.Memory;

/// <summary>Gives memory of this process back that it can do without until it is busy again.</summary>
public static unsafe class ResidentMemory
{
    private const int MADV_DONTNEED = 4, M_MMAP_THRESHOLD = -3, M_ARENA_MAX = -8;
    private const int Arenas = 4, LargeBlock = 128 << 10;

    /// <summary>Raised when memory is given back: who holds native memory that can be made again lets it go.</summary>
    public static event Action? Releasing;

    /// <summary>
    /// A few heaps for all threads, and large blocks always mapped on their own: by default the C library keeps a heap for each thread and
    /// learns to take ever larger blocks from it, where they leave holes that never go back.
    /// </summary>
    public static void LimitNativeHeaps()
    {
        _ = Libc.mallopt(M_ARENA_MAX, Arenas);
        _ = Libc.mallopt(M_MMAP_THRESHOLD, LargeBlock);
    }

    /// <summary>Collects all garbage and gives back what the program can do without until it is busy again. Returns how many bytes of program files were let go.</summary>
    public static long Release()
    {
        Releasing?.Invoke();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Libc.malloc_trim(0);
        return ReleaseFilePages();
    }

    /// <summary>
    /// Unmaps the pages of program files (code and constants, all read-only) from this process. They stay in the page cache and come back at
    /// their next use by a minor fault. Only mappings without a page of their own are touched: one written by relocation would lose it.
    /// Returns how many bytes were resident.
    /// </summary>
    private static long ReleaseFilePages()
    {
        long released = 0;
        (nuint Start, nuint End)? mapping = null;
        long resident = 0;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            if (line.StartsWith("Rss:", StringComparison.Ordinal)) resident = Kilobytes(line);
            else if (line.StartsWith("Anonymous:", StringComparison.Ordinal))
            {
                if (mapping is var (start, end) && resident > 0 && Kilobytes(line) == 0 && Libc.madvise((void*)start, end - start, MADV_DONTNEED) == 0) released += resident << 10;
                mapping = null;
            }
            else if (!char.IsUpper(line[0])) mapping = ReadOnlyFile(line);
        }
        return released;
    }

    /// <summary>The range of a line like <c>7f00-7f10 r-xp 00001000 fd:00 1234 /usr/bin/x</c>, if it is a private, read-only mapping of a file.</summary>
    private static (nuint, nuint)? ReadOnlyFile(string line)
    {
        var parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 6 || !parts[5].StartsWith('/') || parts[1] is not ("r--p" or "r-xp")) return null;
        int dash = parts[0].IndexOf('-');
        return (nuint.Parse(parts[0].AsSpan(0, dash), NumberStyles.HexNumber), nuint.Parse(parts[0].AsSpan(dash + 1), NumberStyles.HexNumber));
    }

    private static long Kilobytes(string line) => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
}
