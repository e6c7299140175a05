using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Runtime;
using Xunit;

namespace Wharf.SystemTests.Cgroups;

/// <summary>Limits of config.json that the Engine API has no field for, as the container sees its own group.</summary>
public sealed class RuntimeLimitTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    /// <summary>Looks at the file of the version the machine has; null where that version has no such limit.</summary>
    [Theory]
    [InlineData("""{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}""", "hugetlb/hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max", "4194304")]
    [InlineData("""{"unified":{"memory.high":"52428800"}}""", null, "memory.high", "52428800")]
    [InlineData("""{"unified":{"hugetlb.2MB.max":"2097152","pids.max":"33"}}""", null, "hugetlb.2MB.max", "2097152")]
    [InlineData("""{"blockIO":{"weight":200}}""", null, "io.weight", "default 1920")]
    [InlineData("""{"cpu":{"quota":20000,"period":100000,"burst":10000}}""", "cpu/cpu.cfs_burst_us", "cpu.max.burst", "10000")]
    [InlineData("""{"cpu":{"idle":1}}""", "cpu/cpu.idle", "cpu.idle", "1")]
    [InlineData("""{"network":{"classID":1048577}}""", "net_cls/net_cls.classid", null, "1048577")]
    [InlineData("""{"memory":{"swappiness":30}}""", "memory/memory.swappiness", null, "30")]
    [InlineData("""{"memory":{"limit":67108864,"disableOOMKiller":true}}""", "memory/memory.oom_control", null, "oom_kill_disable 1")]
    [InlineData("""{"rdma":{"wharf0":{"hcaHandles":3,"hcaObjects":100}}}""", "rdma/rdma.max", "rdma.max", "wharf0 hca_handle=3 hca_object=100")]
    public async Task A_limit_is_what_was_configured(string resources, string? v1, string? v2, string expected)
    {
        Assert.SkipWhen(Bundle.IsRunc && resources.Contains("burst", StringComparison.Ordinal) || Bundle.IsRunc && resources.Contains("idle", StringComparison.Ordinal), "not in runc 1.1");
        Assert.SkipWhen(resources.Contains("rdma", StringComparison.Ordinal) && !Directory.Exists("/sys/class/infiniband/wharf0"), "this machine has no RDMA device wharf0; ./dev vm makes one");
        var file = Need(CgroupFiles.V2 ? v2 : v1);
        _bundle.Linux["resources"] = JsonNode.Parse(resources);
        _bundle.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro");
        (await _bundle.InsideAsync($"cat /sys/fs/cgroup/{file}")).Split('\n')[0].TrimEnd().ShouldBe(expected);
    }

    [Fact]
    public async Task Unified_files_need_version_2()
    {
        Assert.SkipWhen(CgroupFiles.V2, "this machine has it");
        _bundle.Linux["resources"] = JsonNode.Parse("""{"unified":{"memory.high":"52428800"}}""");
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain("unified");
    }

    private static string Need(string? file)
    {
        Assert.SkipWhen(file is null, $"there is no such limit in version {(CgroupFiles.V2 ? 2 : 1)} of cgroups");
        var controller = CgroupFiles.V2 ? file![..file.IndexOf('.')] : file![..file.IndexOf('/')];
        Assert.SkipUnless(CgroupFiles.V2 ? File.ReadAllText("/sys/fs/cgroup/cgroup.controllers").Split((char[])[' ', '\n']).Contains(controller) : Directory.Exists($"/sys/fs/cgroup/{controller}"),
            $"this machine has no controller \"{controller}\"");
        return file;
    }
}
