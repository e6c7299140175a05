using Wharf.Linux.Syscalls;
using Wharf.Runtime.Cgroups.Stats;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>Control groups of version 1: one directory in each hierarchy (Documentation/admin-guide/cgroup-v1).</summary>
internal sealed partial class CgroupV1(CgroupLayout layout, CgroupPlace place) : Cgroup(layout, place)
{
    private const int MostFreezeTries = 1000;

    public override IEnumerable<string> Directories
    {
        get
        {
            foreach (var hierarchy in Layout.V1) yield return hierarchy.MountPoint + Path;
            if (Layout.JoinsUnified) yield return Layout.UnifiedMount + Path;
        }
    }

    // Writing "0" to tasks moves one single thread without the process-wide lock whose RCU wait costs up to 16 ms.
    public override IEnumerable<string> JoinFiles
    {
        get
        {
            foreach (var hierarchy in Layout.V1) yield return $"{hierarchy.MountPoint}{Path}/tasks";
            if (Layout.JoinsUnified) yield return $"{Layout.UnifiedMount}{Path}/cgroup.procs";
        }
    }

    private protected override string ProcessDirectory => (Of("pids") ?? Of("devices") ?? Of("memory") ?? Layout.V1[0].MountPoint + Path);

    private string? Of(string controller) => Layout.MountOf(controller) is { } mount ? mount + Path : null;

    private protected override void Make()
    {
        foreach (var hierarchy in Layout.V1)
        {
            if (!TryMakeDirectory(hierarchy.MountPoint + Path)) MakeAll(hierarchy.MountPoint);
            if (!hierarchy.Controllers.Contains("cpuset")) continue;
            InheritCpuset(hierarchy.MountPoint, Path, "/cpuset.cpus", "linux.resources.cpu.cpus");
            InheritCpuset(hierarchy.MountPoint, Path, "/cpuset.mems", "linux.resources.cpu.mems");
        }
        if (Layout.JoinsUnified && !TryMakeDirectory(Layout.UnifiedMount + Path)) MakeAll(Layout.UnifiedMount!);
    }

    private void MakeAll(string mountPoint)
    {
        var directory = mountPoint;
        foreach (var part in Path.Split('/', StringSplitOptions.RemoveEmptyEntries)) TryMakeDirectory(directory = $"{directory}/{part}");
    }

    // A new cpuset has no CPUs and no memory nodes, and no task may join it until it has (cpusets.txt, 1.3): it is given its parent's.
    private static string InheritCpuset(string mountPoint, string path, string file, string field)
    {
        if (CgroupFile.ReadLine(mountPoint + path + file) is { Length: > 0 } own) return own;
        if (path.Length == 0) return "";
        var value = InheritCpuset(mountPoint, path[..path.LastIndexOf('/')], file, field);
        CgroupFile.Write(mountPoint + path + file, value, field);
        return value;
    }

    public override void Freeze() => SetFreezer("FROZEN");
    public override void Thaw() => SetFreezer("THAWED");
    public override string? FreezerDirectory => Of("freezer");
    public override bool Frozen => Of("freezer") is { } directory && CgroupFile.ReadLine(directory + "/freezer.state") is "FROZEN" or "FREEZING";

    // A task in an uninterruptible wait, or one that forks at the wrong moment, keeps the group FREEZING: writing again is what moves it on
    // (cgroup-v1/freezer-subsystem.rst). There is nothing to wait on but time.
    private void SetFreezer(string state)
    {
        var file = (Of("freezer") ?? throw new CgroupException("freezer", "the freezer controller is not mounted", Errno.ENODEV)) + "/freezer.state";
        for (int attempt = 0; ; attempt++)
        {
            CgroupFile.Write(file, state, "freezer");
            if (CgroupFile.ReadLine(file) is var now && (now == state || now is null)) return;
            if (attempt == MostFreezeTries)
            {
                _ = CgroupFile.TryWrite(file, "THAWED");
                throw new CgroupException("freezer", $"the group does not become {state}: {now}");
            }
            Thread.Sleep(attempt < 10 ? 0 : 1);
        }
    }

    public override ulong OomKills => Of("memory") is { } directory ? CgroupFile.Table(directory + "/memory.oom_control").GetValueOrDefault("oom_kill") : 0;

    public override void KillAll()
    {
        // Version 1 cannot kill a group in one step: freeze, so that nothing forks, signal all, thaw so that the signals are taken.
        var freezer = Of("freezer") is { } directory && Directory.Exists(directory) ? directory + "/freezer.state" : null;
        if (freezer is not null) _ = CgroupFile.TryWrite(freezer, "FROZEN"); // ENODEV: the group has just gone
        KillEach();
        if (freezer is not null) _ = CgroupFile.TryWrite(freezer, "THAWED");
    }

    public override CgroupStats ReadStats() => StatsV1.Read(Of);

    public override OomWatch? WatchOom() => Of("memory") is { } directory ? OomWatch.OfV1(directory) : null;
}
