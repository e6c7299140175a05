using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>The user and group numbers of a user namespace (user_namespaces(7)).</summary>
public sealed record IdMaps(IReadOnlyList<IdMapping> Uids, IReadOnlyList<IdMapping> Gids)
{
    /// <summary>Every number means itself: the host's.</summary>
    public static IdMaps Host { get; } = new([], []);

    /// <summary>Those of a configuration: the host's unless it has a new user namespace.</summary>
    public static IdMaps Of(LinuxSpec? linux) => linux?.Namespaces?.Any(ns => ns.Type == "user") == true ? new IdMaps(linux.UidMappings ?? [], linux.GidMappings ?? []) : Host;

    public bool IsHost => Uids.Count == 0 && Gids.Count == 0;

    public uint Uid(uint id) => IsHost ? id : ToHost(Uids, id, "uid");
    public uint Gid(uint id) => IsHost ? id : ToHost(Gids, id, "gid");

    private static uint ToHost(IReadOnlyList<IdMapping> maps, uint id, string what)
    {
        foreach (var map in maps)
            if (id >= map.ContainerId && id - map.ContainerId < map.Size) return map.HostId + (id - map.ContainerId);
        throw WharfException.Invalid($"{what} {id} has no mapping in the user namespace");
    }

    /// <summary>Gives a process's new user namespace its maps.</summary>
    public void Write(int pid)
    {
        Write($"/proc/{pid}/uid_map", Uids);
        Write($"/proc/{pid}/gid_map", Gids);
    }

    // The kernel takes a map in one single write.
    private static void Write(string path, IReadOnlyList<IdMapping> maps)
    {
        var text = new StringBuilder();
        foreach (var map in maps) text.Append(CultureInfo.InvariantCulture, $"{map.ContainerId} {map.HostId} {map.Size}\n");
        using var file = OpenAt.Open(path, O.WRONLY);
        FileAt.WriteAll(file.Value, Encoding.ASCII.GetBytes(text.ToString()));
    }

    /// <summary>A user namespace with these maps and no process in it, for mounts whose owners are mapped (mount_setattr(2), MOUNT_ATTR_IDMAP).</summary>
    public Fd MakeNamespace() => InNamespace(null, pid =>
    {
        Write(pid);
        return OpenAt.Open($"/proc/{pid}/ns/user", O.RDONLY);
    });

    /// <summary>The maps of a user namespace that is there.</summary>
    public static IdMaps Read(string path)
    {
        using var user = OpenAt.Open(path, O.RDONLY);
        return InNamespace(user, pid => new IdMaps(Parse(KernelFile.ReadLines($"/proc/{pid}/uid_map")), Parse(KernelFile.ReadLines($"/proc/{pid}/gid_map"))));
    }

    /// <summary>Reads the lines of a map as one outside of the namespace sees them: first number inside, first outside, how many.</summary>
    public static List<IdMapping> Parse(IEnumerable<string> lines) =>
        UserNamespace.Parse(lines).ConvertAll(range => new IdMapping { ContainerId = range.Inside, HostId = range.Outside, Size = range.Count });

    /// <summary>What <paramref name="look"/> finds out about a process that waits in a user namespace: a new one, or the one given.</summary>
    internal static T InNamespace<T>(Fd? joined, Func<int, T> look)
    {
        using var program = new LaunchProgram();
        using var stages = new LaunchStages(program);
        stages.AddBegin(sharesDescriptors: false);
        if (joined is not null) program.Add("join user namespace", LaunchSyscalls.setns, joined.Value, Launcher.CLONE_NEWUSER);
        stages.AddStop("user namespace");
        Fd pidfd;
        int pid;
        using (Launcher.BlockSignals()) (pid, pidfd) = program.Clone(Launcher.CLONE_PIDFD | (joined is null ? Launcher.CLONE_NEWUSER : 0) | Launcher.SIGCHLD);
        using (pidfd)
        {
            stages.CloseChildEnds();
            try
            {
                if (!stages.Await()) throw new SyscallException(program.NameOf(program.FailedStep), program.FailedErrno);
                return look(pid);
            }
            finally
            {
                _ = Libc.syscall(SyscallNumber.pidfd_send_signal, pidfd.Value, 9);
                Launcher.Reap(pidfd);
            }
        }
    }
}
