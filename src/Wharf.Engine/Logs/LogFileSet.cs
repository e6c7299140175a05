using System.Globalization;
using System.IO.Compression;

namespace Wharf.Engine.Logs;

/// <summary>
/// A log's files at one moment, open: what is rotated or removed later can still be read. The writer counts its rotations in
/// <c>x.generation</c>, twice for each: an odd count says that files are being renamed.
/// </summary>
internal sealed class LogFileSet : IDisposable
{
    private const int MostAttempts = 200, MostFiles = 10_000;

    private readonly List<FileStream> _rotated = [];

    private LogFileSet(long generation) => Generation = generation;

    /// <summary>How often the log had been rotated.</summary>
    public long Generation { get; }
    public FileStream? Current { get; private set; }
    public int Rotated => _rotated.Count;

    /// <summary>Opens all files as they belong together.</summary>
    public static async Task<LogFileSet> OpenAsync(string path, CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            long before = ReadCount(path);
            var set = new LogFileSet(before / 2);
            set.OpenFiles(path);
            if ((before % 2 == 0 && ReadCount(path) == before) || attempt == MostAttempts) return set;
            set.Dispose();
            // A rotation takes a few renames; the writer tells nobody when it is over.
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellation);
        }
    }

    /// <summary>How often the log has been rotated by now.</summary>
    public static long GenerationOf(string path) => ReadCount(path) / 2;

    private static long ReadCount(string path)
    {
        try { return long.TryParse(File.ReadAllText(path + ".generation"), CultureInfo.InvariantCulture, out long count) ? count : 0; }
        catch (FileNotFoundException) { return 0; }
        catch (DirectoryNotFoundException) { return 0; }
    }

    private void OpenFiles(string path)
    {
        Current = TryOpen(path);
        for (int i = 1; i < MostFiles && (TryOpen($"{path}.{i}") ?? TryOpen($"{path}.{i}.gz")) is { } file; i++) _rotated.Add(file);
    }

    /// <summary>The newest but <paramref name="index"/> (1 for what was rotated last), from its beginning.</summary>
    public Stream Content(int index)
    {
        var file = _rotated[index - 1];
        file.Position = 0;
        return file.Name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress, leaveOpen: true) : file;
    }

    private static FileStream? TryOpen(string path)
    {
        try { return new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 }); }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException) { return null; }
    }

    /// <summary>Gives the current file away; the others are closed.</summary>
    public FileStream? TakeCurrent()
    {
        var current = Current;
        Current = null;
        return current;
    }

    public void Dispose()
    {
        Current?.Dispose();
        foreach (var file in _rotated) file.Dispose();
    }
}
