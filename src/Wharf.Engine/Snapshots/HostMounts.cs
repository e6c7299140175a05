using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Snapshots;

/// <summary>
/// Read-only views of containers, their versions and images on the host, for scanners and curious people. Nothing is kept of them: the kernel's
/// list of mounts has the name in the place of the device.
/// </summary>
public sealed class HostMounts(DaemonOptions options)
{
    private readonly string _source = $"wharf-{options.InstanceTag}:";
    private readonly string _root = Path.Combine(options.ExecRoot, "mounts");

    /// <summary>Mounts the directories (uppermost first) at a directory of the host, or at one of our own where none is named.</summary>
    public HostMount Mount(string name, IReadOnlyList<string> directories, string? place)
    {
        if (place is null)
        {
            place = Path.Combine(_root, name.Replace('/', '_'));
            if (List().Find(mount => mount.Path == place) is { } there) return there;
            Directory.CreateDirectory(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        if (!Path.IsPathRooted(place)) throw WharfException.Invalid($"invalid mount path: '{place}' mount path must be absolute");
        // overlayfs wants two where there is no upper one.
        var empty = Directory.CreateDirectory(Path.Combine(options.DataRoot, "snapshots", "base", "empty")).FullName;
        if (directories.Count == 1) directories = directories[0] == empty ? throw WharfException.Invalid($"{name} has no files to mount") : [directories[0], empty];
        using var target = Open(place);
        using var tree = OverlayMount.Create(["index=off", "redirect_dir=off", "metacopy=off", "lowerdir=" + string.Join(':', directories)],
            MountFlags.MOUNT_ATTR_RDONLY | MountFlags.MOUNT_ATTR_NOSUID | MountFlags.MOUNT_ATTR_NODEV, source: _source + name);
        MountTree.Attach(tree, target, place);
        return new HostMount { Name = name, Path = place };
    }

    private static Fd Open(string place)
    {
        try { return OpenAt.Open(place, O.PATH | O.DIRECTORY); }
        catch (SyscallException error) { throw WharfException.Invalid($"cannot mount at {place}: {error.Message}", error); }
    }

    /// <summary>Takes down what is mounted under a name or at a path.</summary>
    public void Unmount(string nameOrPath)
    {
        var mounts = List().FindAll(mount => mount.Name == nameOrPath || mount.Path == nameOrPath);
        if (mounts.Count == 0) throw WharfException.NotFound($"{nameOrPath} is not mounted");
        foreach (var mount in mounts)
        {
            SyscallException.Check(Libc.umount2(mount.Path, MountFlags.MNT_DETACH | MountFlags.UMOUNT_NOFOLLOW), "umount2", mount.Path);
            if (mount.Path.StartsWith(_root + "/", StringComparison.Ordinal)) Directory.Delete(mount.Path);
        }
    }

    /// <summary>From proc(5) mountinfo: optional fields stand between the options and a dash, the device is the second after it.</summary>
    public List<HostMount> List()
    {
        var mounts = new List<HostMount>();
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            var fields = line.Split(' ');
            int dash = Array.IndexOf(fields, "-", 6);
            if (dash < 0 || dash + 2 >= fields.Length || Unescape(fields[dash + 2]) is var source && !source.StartsWith(_source, StringComparison.Ordinal)) continue;
            mounts.Add(new HostMount { Name = source[_source.Length..], Path = Unescape(fields[4]) });
        }
        return mounts;
    }

    /// <summary>Space, tab, line end and backslash stand as a backslash and three octal digits.</summary>
    internal static string Unescape(string field)
    {
        if (!field.Contains('\\')) return field;
        var text = new StringBuilder();
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] != '\\' || i + 3 >= field.Length)
            {
                text.Append(field[i]);
                continue;
            }
            text.Append((char)((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0')));
            i += 3;
        }
        return text.ToString();
    }
}
