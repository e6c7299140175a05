using Wharf.Daemon.Hosting;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Hosting;

/// <summary>
/// <c>storage.type: memory</c>: a directory of the machine's memory file system, which goes when the process ends. What one that was killed left goes when
/// the next begins.
/// </summary>
internal static class MemoryRoot
{
    private const string Parent = "/dev/shm", Prefix = "wharf-registry-";
    /// <summary>Younger ones may be another process's that has not locked its own yet.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromMinutes(1);

    public static string Make()
    {
        if (!Directory.Exists(Parent)) throw WharfException.Invalid($"storage.type: memory needs {Parent}");
        foreach (var left in new DirectoryInfo(Parent).EnumerateDirectories(Prefix + "*").Where(left => left.LinkTarget is null && DateTime.UtcNow - left.LastWriteTimeUtc > Settled)) RemoveLeft(left.FullName);
        return Directory.CreateDirectory(Path.Combine(Parent, Prefix + Guid.NewGuid().ToString("N")), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    private static void RemoveLeft(string path)
    {
        try
        {
            using var free = DaemonLock.Take(path);
            Directory.Delete(path, recursive: true);
        }
        catch (Exception error) when (error is WharfException or IOException or UnauthorizedAccessException or Linux.Syscalls.SyscallException) { /* in use, or another user's */ }
    }
}
