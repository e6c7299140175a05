using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;

namespace Wharf.Engine.Snapshots;

public sealed partial class SnapshotService
{
    private string BasePath => _path + "/base/fs";

    private static readonly string[] BaseDirectories = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
    private static readonly string[] BaseFiles = [".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];

    /// <summary>
    /// The names every container gets things mounted on. They lie under all layers, so that an image's own win, and starting a
    /// container puts none of them into its writable layer: <c>docker diff</c> and <c>commit</c> show only what the container did.
    /// </summary>
    private void MakeBase()
    {
        Directory.CreateDirectory(BasePath);
        foreach (var name in BaseDirectories) Directory.CreateDirectory(Path.Combine(BasePath, name));
        foreach (var name in BaseFiles)
        {
            using var file = OpenAt.Open(Path.Combine(BasePath, name), O.WRONLY | O.CREAT | O.NOFOLLOW, 0x1ed);
            SyscallException.Check(Libc.fchmod(file.Value, 0x1ed), "fchmod", name);
        }
        var mtab = Path.Combine(BasePath, "etc/mtab");
        if (new FileInfo(mtab).LinkTarget is null) File.CreateSymbolicLink(mtab, "/proc/mounts");
        const UnixFileMode Mode = (UnixFileMode)0x1ed;
        File.SetUnixFileMode(BasePath, Mode);
        foreach (var name in BaseDirectories) File.SetUnixFileMode(Path.Combine(BasePath, name), Mode);
    }
}
