using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>A container's control group, in every hierarchy of the machine.</summary>
public abstract class Cgroup(string path)
{
    /// <summary>The path below each hierarchy's mount point, <c>/wharf-TAG/ID</c>.</summary>
    public string Path { get; } = path;

    /// <summary>Makes the directories and sets the limits. Warnings are for limits this kernel or host cannot give.</summary>
    public static Cgroup Create(CgroupLayout layout, string path, LinuxResources? resources, List<string> warnings)
    {
        Validate(path);
        Cgroup group = layout.IsV2 ? new CgroupV2(layout, path) : new CgroupV1(layout, path);
        try
        {
            group.Make();
            if (resources is not null) group.Apply(resources, warnings, creating: true);
            return group;
        }
        catch
        {
            group.TryDelete();
            throw;
        }
    }

    /// <summary>Takes up a group made before, by a former shim or another call.</summary>
    public static Cgroup Open(CgroupLayout layout, string path)
    {
        Validate(path);
        return layout.IsV2 ? new CgroupV2(layout, path) : new CgroupV1(layout, path);
    }

    private static void Validate(string path)
    {
        if (!path.StartsWith('/') || path.Length < 2 || path.Split('/').Skip(1).Any(part => part is "" or "." or ".."))
            throw WharfException.Invalid($"invalid cgroup path \"{path}\"");
    }

    /// <summary>Directories of the group, one a hierarchy.</summary>
    public abstract IEnumerable<string> Directories { get; }

    /// <summary>Files to which a task writes "0" to join the group itself.</summary>
    public abstract IEnumerable<string> JoinFiles { get; }

    protected abstract void Make();
    protected abstract void Apply(LinuxResources resources, List<string> warnings, bool creating);
    public abstract void Freeze();
    public abstract void Thaw();

    /// <summary>True when the kernel's OOM killer has ended a process of the group.</summary>
    public abstract bool OomKilled();

    /// <summary>Sends KILL to all, also to those that are frozen or fork meanwhile.</summary>
    public abstract void KillAll();

    protected abstract string ProcessesFile { get; }

    public void Update(LinuxResources resources, List<string> warnings) => Apply(resources, warnings, creating: false);

    public IReadOnlyList<int> Pids()
    {
        try
        {
            return [.. File.ReadLines(ProcessesFile).Select(line => int.Parse(line, CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is DirectoryNotFoundException or FileNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Removes the group everywhere; false while a process is still in it. Idempotent.</summary>
    public bool TryDelete()
    {
        bool all = true;
        foreach (var directory in Directories) all &= RemoveDirectory(directory);
        return all;
    }

    private static bool RemoveDirectory(string directory)
    {
        if (Libc.unlinkat(OpenAt.AT_FDCWD, directory, OpenAt.AT_REMOVEDIR) == 0) return true;
        int errno = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        if (errno == Errno.ENOENT) return true;
        if (errno != Errno.EBUSY) throw new SyscallException("rmdir", errno, directory);
        // A container may have made groups of its own below (cgroup namespace, writable mount): they go first, deepest first.
        foreach (var child in Directory.Exists(directory) ? Directory.GetDirectories(directory) : []) RemoveDirectory(child);
        return Libc.unlinkat(OpenAt.AT_FDCWD, directory, OpenAt.AT_REMOVEDIR) == 0;
    }

    protected static void MakeDirectory(string directory)
    {
        if (Libc.mkdirat(OpenAt.AT_FDCWD, directory, 0b111_101_101) == 0) return;
        int errno = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        if (errno != Errno.EEXIST) throw new SyscallException("mkdir", errno, directory);
    }

    protected static unsafe void WriteFile(string file, string value)
    {
        using var fd = OpenAt.Open(file, O.WRONLY);
        fixed (byte* bytes = Encoding.ASCII.GetBytes(value))
            SyscallException.Check(Libc.write(fd.Value, bytes, (nuint)value.Length), "write", $"{value} to {file}");
    }

    protected static void WriteFile(string file, long value) => WriteFile(file, value.ToString(CultureInfo.InvariantCulture));
}
