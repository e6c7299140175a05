using Wharf.Runtime.Cgroups.Stats;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups;

/// <summary>In place of a group where a user may make none: the container stays in its caller's.</summary>
internal sealed class NoCgroup(CgroupLayout layout) : Cgroup(layout, CgroupPlace.None)
{
    public override IEnumerable<string> Directories => [];
    public override IEnumerable<string> JoinFiles => [];
    private protected override string ProcessDirectory => "/nonexistent";
    private protected override void Make() { }

    private protected override void Apply(LinuxResources resources, List<string> warnings, bool creating)
    {
        var field = resources.Memory is { Limit: not null } ? "memory" : resources.Cpu is { Shares: not null } or { Quota: not null } ? "cpu" : resources.Pids is { Limit: > 0 } ? "pids" : resources.BlockIo is not null ? "blkio" : null;
        if (field is not null) throw new CgroupException("linux.resources", $"cannot set {field} limit: container could not join or create cgroup");
    }

    private protected override CurrentLimits Current => default;
    public override void Freeze() => throw None("freezer");
    public override void Thaw() => throw None("freezer");
    public override bool Frozen => false;
    public override string? FreezerDirectory => null;
    public override ulong OomKills => 0;
    public override void KillAll() => throw None("cgroup.kill");
    public override CgroupStats ReadStats() => throw None("stats");
    public override OomWatch? WatchOom() => null;

    private static CgroupException None(string what) => new(what, "the container has no cgroup: its user may make none");
}
