using System.Globalization;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>A file with the process ID, there for as long as the daemon is.</summary>
internal sealed class PidFile : IDisposable
{
    private readonly string _path;

    private PidFile(string path) => _path = path;

    /// <summary>Writes it; null where none is wanted. Conflict when the file names a live process.</summary>
    public static PidFile? Write(string? path)
    {
        if (path is null) return null;
        if (File.Exists(path) && int.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
            && pid != Environment.ProcessId && Directory.Exists($"/proc/{pid}"))
            throw WharfException.Conflict($"process with PID {pid} is still running (from pidfile {path})");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new PidFile(path);
    }

    public void Dispose() => File.Delete(_path);
}
