using System.Globalization;
using System.Text;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Init;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.DaemonNamespaces;

/// <summary>
/// A process that keeps the user, mount and network namespaces of a user's daemon while the daemon is restarted and its containers run on. It does
/// nothing but wait; the daemon ends it when nothing runs any more. A lock on a file that it holds open tells that it lives, and the file which it is.
/// </summary>
internal static class NamespaceHolder
{
    private const int LOCK_EX = 2, LOCK_NB = 4, PR_SET_DUMPABLE = 4, KeptLock = 100, KeptEnd = 101, O_CLOEXEC = 0x80000;
    private const int Flags = Launcher.CLONE_NEWUSER | Launcher.CLONE_NEWNS | Launcher.CLONE_NEWNET | Launcher.CLONE_PIDFD | Launcher.SIGCHLD;

    private static string FileIn(string state) => Path.Combine(state, "holder");

    /// <summary>The one that is there; null where there is none. (The file is not opened by .NET's own ways: they lock what they open.)</summary>
    public static int? Find(string state)
    {
        var path = FileIn(state);
        if (!File.Exists(path)) return null;
        using var file = OpenAt.Open(path, O.RDWR);
        if (Libc.flock(file.Value, LOCK_EX | LOCK_NB) == 0) return null; // nobody holds it: the holder has gone
        return int.TryParse(KernelFile.Read(path), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) ? pid : throw WharfException.Invalid($"{path} is held and names no process");
    }

    /// <summary>Makes namespaces in which this user is root and has the numbers granted to him, and a holder of them.</summary>
    public static int Make(string state)
    {
        // Its own files under /proc are this user's to open; the maps of a process that cannot be looked into are root's to write.
        SyscallException.Check(Libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl PR_SET_DUMPABLE");
        using var held = OpenAt.Open(FileIn(state), O.RDWR | O.CREAT, 0b110_000_000);
        SyscallException.Check(Libc.flock(held.Value, LOCK_EX | LOCK_NB), "flock", FileIn(state));
        SyscallException.Check(Libc.ftruncate(held.Value, 0), "ftruncate", FileIn(state));
        Surroundings.Forget(state);
        using var end = new EndOfHolder();
        using var program = new LaunchProgram();
        using var stages = new LaunchStages(program);
        stages.AddBegin(sharesDescriptors: false);
        stages.AddStop("user namespace");
        AddWaiting(program, held, end);
        Fd pidfd;
        int pid;
        using (Launcher.BlockSignals()) (pid, pidfd) = program.Clone(Flags);
        using (pidfd)
        {
            stages.CloseChildEnds();
            try
            {
                if (!stages.Await()) throw new SyscallException(program.NameOf(program.FailedStep), program.FailedErrno);
                GrantNumbers(pid);
                UserNetwork.Start(state, pid, () => stages.Resume(), end);
                FileAt.WriteAll(held.Value, Encoding.ASCII.GetBytes(pid.ToString(CultureInfo.InvariantCulture)));
                return pid;
            }
            catch
            {
                _ = Libc.syscall(SyscallNumber.pidfd_send_signal, pidfd.Value, 9);
                Launcher.Reap(pidfd);
                throw;
            }
        }
    }

    // With the lock and the end of the pipe open, nothing else of whoever started the daemon, until it is killed: signals stay blocked.
    private static void AddWaiting(LaunchProgram program, Fd held, EndOfHolder end)
    {
        program.Add("setsid", LaunchSyscalls.setsid);
        program.Add("dup3", LaunchSyscalls.dup3, held.Value, KeptLock, O_CLOEXEC);
        program.Add("dup3", LaunchSyscalls.dup3, end.Kept.Value, KeptEnd, O_CLOEXEC);
        program.Add("close_range", SyscallNumber.close_range, 0, KeptLock - 1);
        program.Add("close_range", SyscallNumber.close_range, KeptEnd + 1, int.MaxValue);
        program.Add("prctl PR_SET_PDEATHSIG", LaunchSyscalls.prctl, 1, 0);
        program.Add("ppoll", LaunchSyscalls.ppoll);
    }

    private static void GrantNumbers(int pid)
    {
        Init.Rootless.WriteGroups(pid, SubordinateIds.Map(Libc.getegid(), Granted("/etc/subgid")));
        Init.Rootless.WriteUsers(pid, SubordinateIds.Map(Libc.geteuid(), Granted("/etc/subuid")));
    }

    private static List<(uint First, uint Count)> Granted(string path)
    {
        var granted = File.Exists(path) ? SubordinateIds.Of(File.ReadLines(path), Environment.UserName, Libc.geteuid()).ToList() : [];
        if (granted.Count > 0) return granted;
        throw WharfException.Invalid($"{Environment.UserName} has no numbers in {path} for the users of containers: root can grant them with 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {Environment.UserName}'");
    }
}

/// <summary>A pipe whose one end the holder alone keeps: whoever has the other is told that the holder has gone.</summary>
internal sealed unsafe class EndOfHolder : IDisposable
{
    public EndOfHolder()
    {
        var ends = stackalloc int[2];
        SyscallException.Check(Libc.pipe2(ends, 0x80000), "pipe2");
        (Told, Kept) = (new Fd(ends[0]), new Fd(ends[1]));
    }

    public Fd Told { get; }
    public Fd Kept { get; }

    public void Dispose()
    {
        Told.Dispose();
        Kept.Dispose();
    }
}
