using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>What runtime-spec 1.2 and 1.3 added: memory policies, network devices, shares of caches.</summary>
public sealed class MemoryAndDeviceTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    [Theory]
    [InlineData("MPOL_BIND", "bind:0")]
    [InlineData("MPOL_INTERLEAVE", "interleave:0")]
    public async Task A_memory_policy_is_the_programs(string mode, string shown)
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc has it since 1.4");
        Assert.SkipUnless(File.Exists("/proc/self/numa_maps"), "this kernel has no NUMA");
        _bundle.Linux["memoryPolicy"] = new JsonObject { ["mode"] = mode, ["nodes"] = "0" };
        (await _bundle.InsideAsync("cut -d' ' -f2 /proc/self/numa_maps | sort -u")).ShouldBe(shown);
    }

    [Theory]
    [InlineData("MPOL_NONE", null, "invalid mode")]
    [InlineData("MPOL_BIND", "MPOL_F_OTHER", "invalid flag")]
    public async Task A_policy_that_nobody_knows_is_refused(string mode, string? flag, string words)
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc has it since 1.4");
        _bundle.Linux["memoryPolicy"] = new JsonObject { ["mode"] = mode, ["nodes"] = "0", ["flags"] = flag is null ? null : new JsonArray(flag) };
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(words);
    }

    [Fact]
    public async Task A_network_device_of_the_host_moves_in_with_its_addresses()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc has it since 1.4");
        var name = $"wd{Environment.ProcessId % 1000000}";
        Assert.SkipUnless((await CommandResult.RunAsync("ip", ["link", "add", name, "type", "dummy"])).ExitCode == 0, "no interface can be made here");
        try
        {
            (await CommandResult.RunAsync("ip", ["addr", "add", "10.199.7.1/24", "dev", name])).ShouldExit(0);
            _bundle.Linux["netDevices"] = new JsonObject { [name] = new JsonObject { ["name"] = "inside0" } };
            var text = await _bundle.InsideAsync("ls /sys/class/net; ip -4 addr show inside0");
            text.ShouldStartWith("inside0\nlo\n");
            text.ShouldContain("10.199.7.1/24");
            text.ShouldContain(",UP");
            Directory.Exists("/sys/class/net/" + name).ShouldBeFalse("a dummy goes with the namespace it is in");
        }
        finally { await CommandResult.RunAsync("ip", ["link", "delete", name]); }
    }

    [Theory]
    [InlineData("wharf-none", "wharf-none", "no network device \\\"wharf-none\\\"")]
    [InlineData("lo", "a/b", "invalid network device name \\\"a/b\\\"")]
    public async Task A_device_that_is_not_there_or_no_name_is_told(string device, string name, string words)
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc has it since 1.4");
        _bundle.Linux["netDevices"] = new JsonObject { [device] = new JsonObject { ["name"] = name } };
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(words);
    }

    [Fact]
    public async Task Shares_of_caches_need_a_machine_that_has_them()
    {
        Assert.SkipWhen(File.ReadAllText("/proc/self/mountinfo").Contains(" - resctrl ", StringComparison.Ordinal), "this one has them");
        _bundle.Linux["intelRdt"] = new JsonObject { ["l3CacheSchema"] = "L3:0=f" };
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(Bundle.IsRunc ? "intelRdt.l3CacheSchema is specified in config" : "intelRdt is specified in config, but Intel RDT is not supported or enabled");
        _bundle.Linux.Remove("intelRdt");
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("update", "--l3-cache-schema", "L3:0=f", id)).ShouldExit(1).Error.ShouldContain("Intel RDT/CAT: l3 cache schema is not enabled");
    }
}
