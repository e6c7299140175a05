using System.Runtime.InteropServices;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>The namespaces of a container, entered by the launch thread; those only a child can enter are told as clone flags.</summary>
internal sealed record Namespaces(int CloneFlags, bool NewCgroup)
{
    /// <summary>Joins what has a path, makes the rest, and cuts the new mount namespace off from the host's.</summary>
    public static Namespaces Enter(IReadOnlyList<LinuxNamespace> wanted)
    {
        int unshare = Launcher.CLONE_FS | Launcher.CLONE_NEWNS, clone = 0;
        bool newCgroup = false, newNetwork = false;
        var seen = new HashSet<string>();
        var join = new List<(Fd File, int Type)>();
        try
        {
            foreach (var ns in wanted)
            {
                if (!seen.Add(ns.Type)) throw WharfException.Invalid($"namespace \"{ns.Type}\" is given twice");
                int flag = FlagOf(ns.Type);
                if (flag is Launcher.CLONE_NEWUSER or Launcher.CLONE_NEWTIME) throw WharfException.NotImplemented($"{ns.Type} namespaces are not supported");
                if (ns.Path is { Length: > 0 } path)
                {
                    if (flag is Launcher.CLONE_NEWNS) throw WharfException.NotImplemented("joining a mount namespace at launch is not supported");
                    join.Add((OpenAt.Open(path, O.RDONLY), flag));
                }
                else if (flag == Launcher.CLONE_NEWPID) clone |= flag;
                else if (flag == Launcher.CLONE_NEWCGROUP) newCgroup = true;
                else unshare |= flag;
                newNetwork |= flag == Launcher.CLONE_NEWNET && ns.Path is null or "";
            }
            SyscallException.Check(Libc.unshare(unshare), "unshare");
            Linux.Fds.FileMode.SetUmask(0); // this thread's own since CLONE_FS: modes of what is made below are as given
            foreach (var (file, type) in join) SyscallException.Check(Libc.setns(file.Value, type), "setns");
        }
        finally
        {
            foreach (var (file, _) in join) file.Dispose();
        }
        // Slaves receive what the host mounts but give nothing back; each mount of the container then gets its own propagation.
        SyscallException.Check(Libc.mount(null, "/", null, (nuint)(MountFlags.MS_REC | MountFlags.MS_SLAVE), null), "mount", "/");
        if (newNetwork) Loopback.Up();
        return new Namespaces(clone, newCgroup);
    }

    private static int FlagOf(string type) => type switch
    {
        "pid" => Launcher.CLONE_NEWPID,
        "network" => Launcher.CLONE_NEWNET,
        "mount" => Launcher.CLONE_NEWNS,
        "ipc" => Launcher.CLONE_NEWIPC,
        "uts" => Launcher.CLONE_NEWUTS,
        "user" => Launcher.CLONE_NEWUSER,
        "cgroup" => Launcher.CLONE_NEWCGROUP,
        "time" => Launcher.CLONE_NEWTIME,
        _ => throw WharfException.Invalid($"unknown namespace type \"{type}\""),
    };
}

/// <summary>The loopback interface of a network namespace.</summary>
internal static unsafe partial class Loopback
{
    private const int AF_INET = 2, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0x80000;
    private const nuint SIOCSIFFLAGS = 0x8914;
    private const short IFF_UP = 1;

    [LibraryImport("libc", SetLastError = true)] private static partial int socket(int domain, int type, int protocol);

    /// <summary>Brings lo up in the calling thread's network namespace.</summary>
    public static void Up()
    {
        using var control = new Fd(SyscallException.Check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
        var request = stackalloc byte[40]; // struct ifreq: 16 bytes of name, then flags
        new Span<byte>(request, 40).Clear();
        "lo"u8.CopyTo(new Span<byte>(request, 16));
        *(short*)(request + 16) = IFF_UP;
        SyscallException.Check(Libc.ioctl(control.Value, SIOCSIFFLAGS, (nint)request), "ioctl SIOCSIFFLAGS", "lo");
    }
}

/// <summary>Names of the UTS namespace the calling thread is in.</summary>
internal static unsafe partial class UtsNames
{
    [LibraryImport("libc", SetLastError = true)] private static partial int sethostname(byte* name, nuint length);
    [LibraryImport("libc", SetLastError = true)] private static partial int setdomainname(byte* name, nuint length);

    public static void SetHostname(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* text = bytes) SyscallException.Check(sethostname(text, (nuint)bytes.Length), "sethostname", name);
    }

    public static void SetDomainname(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* text = bytes) SyscallException.Check(setdomainname(text, (nuint)bytes.Length), "setdomainname", name);
    }
}
