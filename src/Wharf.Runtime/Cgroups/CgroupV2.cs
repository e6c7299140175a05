using System.Runtime.InteropServices;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups.Stats;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>Control groups of version 2 (Documentation/admin-guide/cgroup-v2.rst).</summary>
internal sealed partial class CgroupV2(CgroupLayout layout, CgroupPlace place) : Cgroup(layout, place)
{
    private static readonly TimeSpan FreezePatience = TimeSpan.FromSeconds(10);

    private string Own => Layout.UnifiedMount + Path;

    public override IEnumerable<string> Directories => [Own];
    public override IEnumerable<string> JoinFiles => [Own + "/cgroup.procs"];
    // A container that gave controllers to groups of its own below has moved its processes there: the group itself takes none any more.
    public override IEnumerable<string> JoinFilesOfExec(int initPid)
    {
        if (CgroupFile.ReadLine(Own + "/cgroup.subtree_control") is not { Length: > 0 }) return JoinFiles;
        var line = CgroupFile.Read($"/proc/{initPid}/cgroup")?.Split('\n').FirstOrDefault(line => line.StartsWith("0::" + Path + "/", StringComparison.Ordinal));
        return line is null ? JoinFiles : [$"{Layout.UnifiedMount}{line[3..]}/cgroup.procs"];
    }

    private protected override string ProcessDirectory => Own;

    private protected override void Make()
    {
        var directory = Layout.UnifiedMount!;
        foreach (var part in Path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            EnableControllers(directory);
            directory = $"{directory}/{part}";
            TryMakeDirectory(directory);
        }
    }

    // All that the parent has: in one write, or, where one of them is refused (a process in the group, a realtime task), those that go.
    private static void EnableControllers(string directory)
    {
        var missing = Words(directory + "/cgroup.controllers").Except(Words(directory + "/cgroup.subtree_control")).Select(name => "+" + name).ToArray();
        if (missing.Length == 0) return;
        var file = directory + "/cgroup.subtree_control";
        if (CgroupFile.TryWrite(file, string.Join(' ', missing)) == 0) return;
        foreach (var controller in missing) _ = CgroupFile.TryWrite(file, controller); // a limit that needs one that is missing says so itself
    }

    private static string[] Words(string file) => (CgroupFile.Read(file) ?? "").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);

    public override void Freeze() => SetFreezer(frozen: true);
    public override void Thaw() => SetFreezer(frozen: false);
    public override void Delegate(uint owner)
    {
        var listed = CgroupFile.Read("/sys/kernel/cgroup/delegate")?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
        foreach (var path in listed.Select(name => $"{Own}/{name}").Prepend(Own))
            if (Libc.fchownat(OpenAt.AT_FDCWD, path, owner, uint.MaxValue, 0) < 0 && Marshal.GetLastPInvokeError() is not Errno.ENOENT and var errno) throw new SyscallException("chown", errno, path);
    }

    public override string? FreezerDirectory => Own;
    public override bool Frozen => CgroupFile.ReadLine(Own + "/cgroup.freeze") == "1";

    private void SetFreezer(bool frozen)
    {
        CgroupFile.Write(Own + "/cgroup.freeze", frozen ? "1" : "0", "freezer");
        using var events = new CgroupEvents(Own);
        if (events.WaitFor("frozen", frozen ? 1ul : 0ul, FreezePatience)) return;
        _ = CgroupFile.TryWrite(Own + "/cgroup.freeze", "0");
        throw new CgroupException("freezer", $"the group does not {(frozen ? "freeze" : "thaw")}");
    }

    public override ulong OomKills => CgroupFile.Table(Own + "/memory.events").GetValueOrDefault("oom_kill");

    public override void KillAll()
    {
        int errno = CgroupFile.TryWrite(Own + "/cgroup.kill", "1");
        if (errno is 0 or Errno.ENODEV || !Directory.Exists(Own)) return;
        // cgroup.kill came with 5.14.
        _ = CgroupFile.TryWrite(Own + "/cgroup.freeze", "1");
        KillEach();
        _ = CgroupFile.TryWrite(Own + "/cgroup.freeze", "0");
    }

    public override CgroupStats ReadStats() => StatsV2.Read(Own);

    public override OomWatch? WatchOom() => OomWatch.OfV2(Own);
}

/// <summary>cgroup.events of a group: the kernel tells of its changes by POLLPRI.</summary>
internal sealed unsafe partial class CgroupEvents(string directory) : IDisposable
{
    private const short POLLPRI = 2;

    private readonly string _path = directory + "/cgroup.events";
    private readonly Fd _file = OpenAt.Open(directory + "/cgroup.events", O.RDONLY);

    private struct PollFd { public int Fd; public short Events, Returned; }

    [LibraryImport("libc", SetLastError = true)] private static partial int poll(PollFd* fds, nuint count, int timeout);

    /// <summary>Waits until a line has the value; false when it does not come.</summary>
    public bool WaitFor(string name, ulong value, TimeSpan patience)
    {
        long end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        var buffer = stackalloc byte[256];
        while (true)
        {
            SyscallException.Check(Libc.pread(_file.Value, buffer, 256, 0), "read", _path); // arms the notification, too
            if (CgroupFile.Table(_path).GetValueOrDefault(name) == value) return true;
            long left = end - Environment.TickCount64;
            if (left <= 0) return false;
            var wait = new PollFd { Fd = _file.Value, Events = POLLPRI };
            _ = poll(&wait, 1, (int)left); // EINTR or the time is over: looked at again
        }
    }

    public void Dispose() => _file.Dispose();
}
