using System.Diagnostics;
using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>
/// Running for a user who is not root. What a container needs he may only do inside its user namespace, and a process with threads cannot enter
/// one: so this program makes the namespace, executes itself once more, enters it before .NET begins (<see cref="EarlyMain"/>), and goes on
/// there as root does elsewhere. The configuration's user namespace is then the one it is in.
/// </summary>
internal static class Rootless
{
    /// <summary>Tells the program executed anew which descriptor is the namespace. EarlyMain knows the name too.</summary>
    public const string Variable = "WHARF_RUNTIME_USERNS";
    private const int PR_SET_DUMPABLE = 4, Above = 200, F_DUPFD = 0;

    /// <summary>True once this program is in the container's user namespace.</summary>
    public static bool Entered => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 };

    /// <summary>True when the caller is not root and nothing was entered yet.</summary>
    public static bool Needed => Libc.geteuid() != 0 && !Entered;

    /// <summary>Supplementary groups cannot be set where the namespace's owner had no right to the groups he mapped (user_namespaces(7)).</summary>
    public static bool MaySetGroups => !UserNamespace.IsInner || !File.Exists("/proc/self/setgroups") || File.ReadAllText("/proc/self/setgroups").Trim() != "deny";

    /// <summary>Makes the configured user namespace, or takes the one it names, and executes this program in it. Does not return.</summary>
    public static void Enter(LinuxSpec linux)
    {
        var user = linux.Namespaces?.FirstOrDefault(ns => ns.Type == "user") ?? throw WharfException.Invalid("rootless container requires user namespaces");
        if (user.Path is { Length: > 0 } path) Join(path);
        // The maps of a process that cannot be looked into are root's to write.
        SyscallException.Check(Libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl PR_SET_DUMPABLE");
        using var made = IdMaps.InNamespace(null, pid =>
        {
            WriteGroups(pid, linux.GidMappings ?? []);
            WriteUsers(pid, linux.UidMappings ?? []);
            return OpenAt.Open($"/proc/{pid}/ns/user", O.RDONLY);
        });
        Again(made);
    }

    /// <summary>Executes this program in a user namespace that is there. Does not return.</summary>
    public static void Join(string path)
    {
        using var there = OpenAt.Open(path, O.RDONLY);
        Again(there);
    }

    // At a number above those that a program inherits, and open across the execve.
    private static void Again(Fd user)
    {
        SyscallException.Check(Libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl PR_SET_DUMPABLE"); // its own arguments are to be read
        int number = SyscallException.Check(Libc.fcntl(user.Value, F_DUPFD, Above), "fcntl F_DUPFD");
        ReadonlyExecutable.ExecuteAgain(string.Create(CultureInfo.InvariantCulture, $"{Variable}={number}"));
    }

    /// <summary>The configuration as it is seen from inside: the user namespace is here already.</summary>
    public static void Adapt(Spec spec)
    {
        if (!UserNamespace.IsInner) throw WharfException.Invalid("the container's user namespace could not be entered");
        var linux = spec.Linux!;
        linux.Namespaces = [.. linux.Namespaces!.Where(ns => ns.Type != "user")];
        (linux.UidMappings, linux.GidMappings) = (null, null);
    }

    /// <summary>Gives a new user namespace its users: by the process's own right where it is this user's number alone, else by shadow's help.</summary>
    internal static void WriteUsers(int pid, IReadOnlyList<IdMapping> maps)
    {
        if (maps is [{ Size: 1 } only] && only.HostId == Libc.geteuid()) Write($"/proc/{pid}/uid_map", $"{only.ContainerId} {only.HostId} 1\n");
        else Run("newuidmap", pid, maps);
    }

    /// <summary>As for users. Without the right to a group it could be dropped by who is kept out by it: the kernel wants setgroups given up first.</summary>
    internal static void WriteGroups(int pid, IReadOnlyList<IdMapping> maps)
    {
        if (maps is [{ Size: 1 } only] && only.HostId == Libc.getegid())
        {
            Write($"/proc/{pid}/setgroups", "deny");
            Write($"/proc/{pid}/gid_map", $"{only.ContainerId} {only.HostId} 1\n");
        }
        else Run("newgidmap", pid, maps);
    }

    private static void Write(string path, string text)
    {
        using var file = OpenAt.Open(path, O.WRONLY);
        FileAt.WriteAll(file.Value, Encoding.ASCII.GetBytes(text));
    }

    // The helpers of shadow look the numbers up in /etc/subuid and /etc/subgid (newuidmap(1)).
    private static void Run(string helper, int pid, IReadOnlyList<IdMapping> maps)
    {
        List<uint> numbers = [(uint)pid, .. maps.SelectMany(map => (uint[])[map.ContainerId, map.HostId, map.Size])];
        var start = new ProcessStartInfo(helper, numbers.Select(number => number.ToString(CultureInfo.InvariantCulture))) { RedirectStandardError = true };
        try
        {
            using var process = System.Diagnostics.Process.Start(start)!;
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0) throw WharfException.Invalid($"rootless containers need {helper} for these mappings, which says: {errors.Trim()}");
        }
        catch (System.ComponentModel.Win32Exception) { throw WharfException.Invalid($"rootless containers need {helper} for mappings other than the user's own number, and it is not installed"); }
    }
}
