using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups.Stats;
using Wharf.Runtime.Cgroups.Systemd;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>A container's control group, in every hierarchy of the machine.</summary>
public abstract class Cgroup
{
    private protected const int SIGKILL = 9;

    private protected Cgroup(CgroupLayout layout, CgroupPlace place)
    {
        Layout = layout;
        Place = place;
        if (place.Unit is not null) Scope = new SystemdScope(layout, place);
    }

    private protected CgroupLayout Layout { get; }

    /// <summary>What <see cref="Open"/> needs to find the group again.</summary>
    public CgroupPlace Place { get; }

    /// <summary>The path below each hierarchy's mount point, <c>/wharf-TAG/ID</c>.</summary>
    public string Path => Place.Path;

    /// <summary>False for what stands in a group's place where there is none.</summary>
    public bool IsGroup => Path.Length > 0;

    private protected SystemdScope? Scope { get; }

    /// <summary>
    /// Makes the group and sets the limits; throws a <see cref="CgroupException"/> that names the field when one is refused, with nothing
    /// left behind. Warnings are for what has no meaning on this kernel and is left out as runc leaves it out.
    /// </summary>
    public static Cgroup Create(CgroupLayout layout, CgroupPlace place, LinuxResources? resources, List<string> warnings)
    {
        var group = Open(layout, place);
        try
        {
            group.Scope?.Start();
            group.Make();
            if (resources is null) return group;
            group.Scope?.Set(resources, group.Current, warnings);
            group.Apply(resources, warnings, creating: true);
            return group;
        }
        catch (Exception first)
        {
            try { group.TryDelete(); }
            catch (Exception error) when (error is IOException or SocketException or SyscallException or CgroupException) { warnings.Add($"after {first.Message}: {error.Message}"); }
            throw;
        }
    }

    /// <summary>Whether the caller may make such a group; where he may it is there afterwards.</summary>
    public static bool MayMake(CgroupLayout layout, CgroupPlace place)
    {
        try
        {
            Create(layout, place, null, []);
            return true;
        }
        catch (CgroupException error) when (error.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS) { return false; }
        catch (SyscallException error) when (error.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS) { return false; }
    }

    /// <summary>The place itself, or none where this program may make no groups: inside a user namespace that was handed no part of the hierarchy.</summary>
    public static CgroupPlace PlaceOrNone(CgroupLayout layout, CgroupPlace place) => UserNamespace.IsInner && !MayMake(layout, place) ? CgroupPlace.None : place;

    /// <summary>Takes up a group made before, by a former shim or another call.</summary>
    public static Cgroup Open(CgroupLayout layout, CgroupPlace place) => place.Path.Length == 0 ? new NoCgroup(layout) : layout.IsV2 ? new CgroupV2(layout, place) : new CgroupV1(layout, place);

    /// <summary>To be called once a process of the container's is in the group: what held it open until then goes.</summary>
    public void Settle() => Scope?.Settle();

    /// <summary>Directories of the group, one a hierarchy.</summary>
    public abstract IEnumerable<string> Directories { get; }

    /// <summary>Files to which a task writes "0" to join the group itself.</summary>
    public abstract IEnumerable<string> JoinFiles { get; }

    /// <summary>Files by which a further process joins, with a container's own to be found.</summary>
    public virtual IEnumerable<string> JoinFilesOfExec(int initPid) => JoinFiles;

    /// <summary>The directory with the group's list of processes.</summary>
    private protected abstract string ProcessDirectory { get; }

    private protected abstract void Make();
    private protected abstract void Apply(LinuxResources resources, List<string> warnings, bool creating);

    /// <summary>What the group's limits are now, as far as a change of others depends on them.</summary>
    private protected abstract CurrentLimits Current { get; }

    /// <summary>Stops all processes; returns when they have stopped.</summary>
    public abstract void Freeze();
    public abstract void Thaw();
    public abstract bool Frozen { get; }

    /// <summary>The directory whose processes stop with <see cref="Freeze"/>; null where there is no such controller.</summary>
    public abstract string? FreezerDirectory { get; }

    /// <summary>Hands the group to the root of a container that has a user namespace (config-linux.md, "Cgroup ownership"). Version 2 alone is safe to be handed out.</summary>
    public virtual void Delegate(uint owner) { }

    /// <summary>How many processes of the group the kernel's OOM killer has ended.</summary>
    public abstract ulong OomKills { get; }

    /// <summary>True when the kernel's OOM killer has ended a process of the group.</summary>
    public bool OomKilled() => OomKills > 0;

    /// <summary>Sends KILL to all, also to those that are frozen or fork meanwhile.</summary>
    public abstract void KillAll();

    /// <summary>What the group uses.</summary>
    public abstract CgroupStats ReadStats();

    /// <summary>Tells of OOM kills as they happen; null where the kernel has no way to.</summary>
    public abstract OomWatch? WatchOom();

    public bool Exists => Directory.Exists(ProcessDirectory);

    /// <summary>Changes the limits that are given; of a container that runs, at once. Devices stay as they are.</summary>
    public void Update(LinuxResources resources, List<string> warnings)
    {
        Scope?.Set(resources, Current, warnings);
        Apply(resources, warnings, creating: false);
    }

    /// <summary>All processes, those in groups that the container made below too.</summary>
    public IReadOnlyList<int> Pids()
    {
        var pids = new List<int>();
        Collect(ProcessDirectory, pids);
        return pids;
    }

    private static void Collect(string directory, List<int> pids)
    {
        if (CgroupFile.Read(directory + "/cgroup.procs") is not { } text) return;
        foreach (var line in text.AsSpan().EnumerateLines())
            if (line.Length > 0) pids.Add(int.Parse(line, CultureInfo.InvariantCulture));
        foreach (var child in Children(directory)) Collect(child, pids);
    }

    /// <summary>Removes the group everywhere; false while a process is still in it. Idempotent.</summary>
    public bool TryDelete()
    {
        Scope?.Stop();
        return TryRemoveDirectories();
    }

    /// <summary>As <see cref="TryDelete"/>, without a word to systemd.</summary>
    public bool TryRemoveDirectories()
    {
        bool all = true;
        foreach (var directory in Directories) all &= RemoveDirectory(directory);
        return all;
    }

    private static bool RemoveDirectory(string directory)
    {
        if (Libc.unlinkat(OpenAt.AT_FDCWD, directory, OpenAt.AT_REMOVEDIR) == 0) return true;
        int errno = Marshal.GetLastPInvokeError();
        if (errno is Errno.ENOENT or Errno.ENOTDIR) return true;
        if (errno != Errno.EBUSY) throw new SyscallException("rmdir", errno, directory);
        // A container may have made groups of its own below (cgroup namespace, writable mount): they go first, deepest first.
        foreach (var child in Children(directory)) RemoveDirectory(child);
        return Libc.unlinkat(OpenAt.AT_FDCWD, directory, OpenAt.AT_REMOVEDIR) == 0;
    }

    private static string[] Children(string directory)
    {
        try { return Directory.GetDirectories(directory); }
        catch (DirectoryNotFoundException) { return []; }
    }

    /// <summary>False when the parent is not there.</summary>
    private protected static bool TryMakeDirectory(string directory)
    {
        if (Libc.mkdirat(OpenAt.AT_FDCWD, directory, 0b111_101_101) == 0) return true;
        int errno = Marshal.GetLastPInvokeError();
        return errno switch
        {
            Errno.EEXIST => true,
            Errno.ENOENT => false,
            _ => throw new CgroupException("linux.cgroupsPath", $"mkdir {directory}: {CgroupFile.Text(errno)}", errno),
        };
    }

    private protected void KillEach()
    {
        foreach (var pid in Pids()) _ = Libc.kill(pid, SIGKILL); // ESRCH: it ended by itself
    }
}

/// <summary>Limits in force. Null or the largest number where there is none.</summary>
internal readonly record struct CurrentLimits(long? Memory, long? MemoryAndSwap, long? Quota, ulong? Period);
