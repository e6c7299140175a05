using System.Globalization;
using System.IO.Compression;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Shim;

namespace Wharf.Runtime.Logs;

/// <summary>
/// A log file that is rotated: x, x.1, x.2 … (.gz), the lower the newer. <c>x.generation</c> counts the rotations,
/// twice for each (odd while files are renamed), so that a reader that follows knows how many it has missed and which file is the next to its own.
/// </summary>
internal sealed class LogFiles : IDisposable
{
    private readonly string _path;
    private readonly long? _maxSize;
    private readonly int _files;
    private readonly bool _compress;
    private Fd _file;
    private long _size, _generation;
    private Task _compression = Task.CompletedTask;

    public LogFiles(string path, long? maxSize, int? maxFile, bool compress)
    {
        (_path, _maxSize, _files, _compress) = (path, maxSize is > 0 ? maxSize : null, Math.Max(1, maxFile ?? 1), compress);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (File.Exists(GenerationPath)) _ = long.TryParse(File.ReadAllText(GenerationPath), CultureInfo.InvariantCulture, out _generation);
        if (_generation % 2 == 1) Count(); // a former shim died while it rotated
        _file = Open(path);
        _size = FileStat.Of(_file).Size;
    }

    private string GenerationPath => _path + ".generation";

    /// <summary>True when <paramref name="more"/> bytes would reach the size at which the file is rotated.</summary>
    public bool WouldFill(int more) => _maxSize is { } max && _size + more >= max;

    /// <summary>Appends whole entries. A file that is large enough is rotated first: the newest lines are always in the current one.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        if (_size >= _maxSize) Rotate();
        while (data.Length > 0)
        {
            int count = Io.Write(_file, data, socket: false);
            if (count <= 0) throw new SyscallException("write log", System.Runtime.InteropServices.Marshal.GetLastPInvokeError(), _path);
            _size += count;
            data = data[count..];
        }
    }

    private void Rotate()
    {
        _compression.Wait();
        Count();
        _file.Dispose();
        // Never emptied in place: a reader that follows has the old file open and takes its rest.
        if (_files == 1) File.Delete(_path);
        else
        {
            Delete(_files - 1);
            for (int i = _files - 2; i >= 1; i--) Shift(i);
            File.Move(_path, _path + ".1", overwrite: true);
        }
        _file = Open(_path);
        _size = 0;
        Count();
        if (_compress && _files > 1) _compression = Task.Run(Compress);
    }

    private void Count()
    {
        _generation++;
        File.WriteAllText(GenerationPath + ".new", _generation.ToString(CultureInfo.InvariantCulture));
        File.Move(GenerationPath + ".new", GenerationPath, overwrite: true);
    }

    private void Delete(int index)
    {
        File.Delete($"{_path}.{index}");
        File.Delete($"{_path}.{index}.gz");
    }

    private void Shift(int index)
    {
        foreach (var ending in (ReadOnlySpan<string>)["", ".gz"])
            if (File.Exists($"{_path}.{index}{ending}")) File.Move($"{_path}.{index}{ending}", $"{_path}.{index + 1}{ending}", overwrite: true);
    }

    // Beside the loop, which has other containers to serve. The compressed file appears whole.
    private void Compress()
    {
        var (source, target) = (_path + ".1", _path + ".1.gz");
        try
        {
            using (var from = File.OpenRead(source))
            using (var to = new GZipStream(File.Create(target + ".new"), CompressionLevel.Fastest)) from.CopyTo(to);
            File.Move(target + ".new", target, overwrite: true);
            File.Delete(source);
        }
        catch (IOException error)
        {
            Console.Error.WriteLine($"cannot compress log {source}: {error.Message}"); // it stays as it is, and can be read so
        }
    }

    private static Fd Open(string path) => OpenAt.Open(path, O.WRONLY | O.CREAT | O.APPEND, 0b110_100_000);

    public void Dispose()
    {
        _compression.Wait();
        _file.Dispose();
    }
}
