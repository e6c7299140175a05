using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>One daemon per root: a lock the kernel drops when the process ends, however it ends.</summary>
public sealed class DaemonLock : IDisposable
{
    private const int LOCK_EX = 2, LOCK_NB = 4;
    private readonly Fd _file;

    private DaemonLock(Fd file) => _file = file;

    /// <summary>Takes the lock of a data or exec root; Conflict when another daemon has it.</summary>
    public static DaemonLock Take(string root)
    {
        var path = Path.Combine(root, "wharf.lock");
        var file = OpenAt.Open(path, O.RDWR | O.CREAT, 0b110_000_000);
        if (Libc.flock(file.Value, LOCK_EX | LOCK_NB) == 0)
        {
            return new DaemonLock(file);
        }
        file.Dispose();
        throw WharfException.Conflict($"another daemon is using {root} (it holds {path})");
    }

    public void Dispose() => _file.Dispose();
}
