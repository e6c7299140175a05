using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>Launching from a program's only thread.</summary>
public sealed partial class Launcher
{
    /// <summary>
    /// Whether the thread can come back from such a launch: it only makes namespaces that it can leave again, joins none, and its child goes its way without stops.
    /// </summary>
    private static bool CanComeBack(LaunchRequest request) => request is { OnCallersThread: true, StartFifo: null } && request.Spec.Hooks is null && !UserNamespace.IsInner
        && request.Spec.Linux is { NetDevices: null, IntelRdt: null, Seccomp: null or { ListenerPath: null or "" } } linux
        && (linux.Namespaces ?? []).All(ns => ns is { Path: null or "", Type: not ("user" or "time") });

    /// <summary>Runs <paramref name="body"/> here; after it the thread is where it was. A thread of its own takes longer to come and go than most of the launch.</summary>
    private static T AndComeBack<T>(LinuxSpec linux, Func<T> body)
    {
        SyscallException.Check(Libc.unshare(CLONE_FS), "unshare"); // the runtime's own thread for finalizers goes on without: a mount namespace is for who shares its root with nobody
        var left = new List<(Fd File, int Type)>(4);
        uint mask = Linux.Fds.FileMode.SetUmask(0b000_010_010);
        using var directory = OpenAt.Open(".", O.PATH | O.DIRECTORY);
        try
        {
            Remember(left, "mnt", CLONE_NEWNS);
            foreach (var ns in linux.Namespaces ?? [])
            {
                if (ns.Type == "network") Remember(left, "net", CLONE_NEWNET);
                else if (ns.Type is "ipc" or "uts") Remember(left, ns.Type, Namespaces.FlagOf(ns.Type));
            }
            return body();
        }
        catch (Exception error) when (error is not LaunchException) { throw AsLaunchException(error); }
        finally
        {
            foreach (var (file, type) in left)
                using (file) SyscallException.Check(Libc.setns(file.Value, type), "setns");
            SyscallException.Check(Libc.fchdir(directory.Value), "fchdir");
            Linux.Fds.FileMode.SetUmask(mask);
        }
    }

    private static void Remember(List<(Fd File, int Type)> left, string name, int type) => left.Add((OpenAt.Open("/proc/self/ns/" + name, O.RDONLY), type));
}
