using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>
/// The namespaces of a container. Those with a path are joined by the launch thread (two by the child); new ones it makes itself, unless there is a new
/// user namespace: then the child makes them, so that its user namespace owns them, and the thread follows.
/// </summary>
internal sealed class Namespaces : IDisposable
{
    private readonly List<(Fd File, int Type)> _join = [];
    private readonly LinuxSpec _linux;
    private readonly Fd _hostMounts = OpenAt.Open("/proc/self/ns/mnt", O.RDONLY);
    private int _new;

    public Namespaces(LinuxSpec linux)
    {
        _linux = linux;
        var seen = new HashSet<string>();
        try
        {
            foreach (var ns in linux.Namespaces ?? [])
            {
                if (!seen.Add(ns.Type)) throw WharfException.Invalid($"malformed spec file: duplicated ns {{\"{ns.Type}\" \"{ns.Path}\"}}");
                Add(ns, FlagOf(ns.Type));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private void Add(LinuxNamespace ns, int flag)
    {
        if (ns.Path is not { Length: > 0 } path)
        {
            _new |= flag;
            return;
        }
        var file = OpenAt.Open(path, O.RDONLY);
        if (flag == Launcher.CLONE_NEWUSER) User = file;
        else if (flag == Launcher.CLONE_NEWNS) Mounts = file;
        else _join.Add((file, flag));
    }

    public bool NewUser => (_new & Launcher.CLONE_NEWUSER) != 0;
    public bool NewPid => (_new & Launcher.CLONE_NEWPID) != 0;

    /// <summary>The user namespace to join: by the child, since a process with threads cannot.</summary>
    public Fd? User { get; private set; }

    /// <summary>The mount namespace to join. The root is built elsewhere and brought there by the child: its names are not the host's, and nothing is to be looked up by them.</summary>
    public Fd? Mounts { get; private set; }

    /// <summary>Whether the container's users are not the host's.</summary>
    public bool HasUser => NewUser || User is not null;

    public bool JoinsPid => _join.Any(joined => joined.Type == Launcher.CLONE_NEWPID);
    public bool EntersTime => (_new & Launcher.CLONE_NEWTIME) != 0 || _join.Any(joined => joined.Type == Launcher.CLONE_NEWTIME);
    public bool NewCgroup => (_new & Launcher.CLONE_NEWCGROUP) != 0;

    /// <summary>What the child is cloned with: the PID namespace, or with a new user namespace all. One that joins a user namespace makes them after that.</summary>
    public int CloneFlags => NewUser ? ChildMakes : User is not null ? 0 : _new & Launcher.CLONE_NEWPID;

    /// <summary>What a child with a user namespace makes, for that to own it.</summary>
    public int ChildMakes => _new & ~(Launcher.CLONE_NEWTIME | Launcher.CLONE_NEWCGROUP) | Launcher.CLONE_NEWNS;

    private int Made => (_new | Launcher.CLONE_NEWNS) & ~(Launcher.CLONE_NEWPID | Launcher.CLONE_NEWUSER | Launcher.CLONE_NEWCGROUP | Launcher.CLONE_NEWTIME);

    /// <summary>Cuts the thread's file system state off from the process's and joins what has a path. Before the clone of a child with a user namespace.</summary>
    public void Join()
    {
        SyscallException.Check(Libc.unshare(Launcher.CLONE_FS), "unshare");
        Linux.Fds.FileMode.SetUmask(0); // this thread's own since CLONE_FS: modes of what is made below are as given
        foreach (var (file, type) in _join) SyscallException.Check(Libc.setns(file.Value, type), "setns");
        if ((_new & Launcher.CLONE_NEWTIME) != 0)
        {
            SyscallException.Check(Libc.unshare(Launcher.CLONE_NEWTIME), "unshare");
            WriteTimeOffsets();
        }
    }

    /// <summary>Makes the rest, or follows the child into it, and cuts the new mount namespace off from the host's.</summary>
    public void Enter(Fd? child)
    {
        if (child is not null) SyscallException.Check(Libc.setns(child.Value, Made), "setns");
        else SyscallException.Check(Libc.unshare(Made), "unshare");
        // Slaves receive what the host mounts but give nothing back; each mount of the container then gets its own propagation.
        SyscallException.Check(Libc.mount(null, "/", null, (nuint)(MountFlags.MS_REC | PropagationOfHost), null), "mount", "/");
        if ((_new & Launcher.CLONE_NEWNET) != 0) Loopback.Up();
    }

    /// <summary>
    /// Brings the thread back among the host's mounts. To be called before the child changes its root: pivot_root takes along all in the
    /// mount namespace, and names this thread looked up after that would be the container's (pivot_root(2)). And before the thread makes others, which share its root.
    /// </summary>
    public void Leave() => SyscallException.Check(Libc.setns(_hostMounts.Value, Launcher.CLONE_NEWNS), "setns");

    private ulong PropagationOfHost => _linux.RootfsPropagation is "private" or "rprivate" ? MountFlags.MS_PRIVATE : MountFlags.MS_SLAVE;

    // Offsets are set for the namespace the thread's children enter, under the thread's own number (time_namespaces(7)).
    private unsafe void WriteTimeOffsets()
    {
        if (_linux.TimeOffsets is not { Count: > 0 } offsets) return;
        using var file = OpenAt.Open($"/proc/{Libc.syscall(LaunchSyscalls.gettid)}/timens_offsets", O.WRONLY);
        foreach (var (clock, offset) in offsets)
            FileAt.WriteAll(file.Value, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{clock} {offset.Secs} {offset.Nanosecs}")));
    }

    /// <summary>The kernel's flag for an OCI namespace type.</summary>
    public static int FlagOf(string type) => type switch
    {
        "pid" => Launcher.CLONE_NEWPID,
        "network" => Launcher.CLONE_NEWNET,
        "mount" => Launcher.CLONE_NEWNS,
        "ipc" => Launcher.CLONE_NEWIPC,
        "uts" => Launcher.CLONE_NEWUTS,
        "user" => Launcher.CLONE_NEWUSER,
        "cgroup" => Launcher.CLONE_NEWCGROUP,
        "time" => Launcher.CLONE_NEWTIME,
        _ => throw WharfException.Invalid($"namespace {{\"{type}\" \"\"}} does not exist"),
    };

    public void Dispose()
    {
        _hostMounts.Dispose();
        User?.Dispose();
        Mounts?.Dispose();
        foreach (var (file, _) in _join) file.Dispose();
    }
}
