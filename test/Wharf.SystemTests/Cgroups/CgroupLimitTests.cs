using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cgroups;

/// <summary>Limits as a container finds them in its own control group.</summary>
public sealed class CgroupLimitTests(EngineFixture engine)
{
    private async Task<string> RunAsync(params string[] args) => (await engine.DockerAsync(["run", "-d", .. args])).ShouldExit(0).Text.Split('\n')[^1];

    [Fact]
    public async Task Limits_given_at_create_hold()
    {
        var id = await RunAsync("-m", "64m", "--memory-swap", "96m", "--memory-reservation", "32m", "--cpu-shares", "512", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0", "busybox", "sleep", "100");
        var files = await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Memory, CgroupFiles.Reservation, CgroupFiles.Shares, CgroupFiles.Quota, CgroupFiles.Pids, CgroupFiles.Cpus);
        files.ShouldBe([$"{64 << 20}", $"{32 << 20}", CgroupFiles.V2 ? "59" : "512", CgroupFiles.V2 ? "50000 100000" : "50000", "50", "0"]);
        if (CgroupFiles.Swap) (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.MemoryAndSwap)).ShouldBe([CgroupFiles.V2 ? $"{32 << 20}" : $"{96 << 20}"]);
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
    }

    [Fact]
    public async Task An_update_changes_the_limits_of_a_running_container()
    {
        var id = await RunAsync("-m", "64m", "--memory-swap", "128m", "--cpu-shares", "1024", "busybox", "sleep", "100");
        (await engine.DockerAsync("update", "-m", "256m", "--memory-swap", "512m", "--cpu-shares", "2048", "--cpu-quota", "20000", "--cpu-period", "50000", "--pids-limit", "30", "--cpuset-cpus", "0", id)).ShouldExit(0);
        var files = await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Memory, CgroupFiles.Shares, CgroupFiles.Quota, CgroupFiles.Pids, CgroupFiles.Cpus);
        files.ShouldBe([$"{256 << 20}", CgroupFiles.V2 ? "174" : "2048", CgroupFiles.V2 ? "20000 50000" : "20000", "30", "0"]);
        // Down again: memory and memory+swap have to be written in the other order.
        (await engine.DockerAsync("update", "-m", "32m", "--memory-swap", "48m", id)).ShouldExit(0);
        (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Memory)).ShouldBe([$"{32 << 20}"]);
        if (CgroupFiles.Swap) (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.MemoryAndSwap)).ShouldBe([CgroupFiles.V2 ? $"{16 << 20}" : $"{48 << 20}"]);
        (await engine.DockerAsync("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}}", id)).ShouldExit(0).Text
            .ShouldBe($"{32 << 20} {48 << 20} 2048 30");
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
    }

    [Theory]
    [InlineData(new[] { "-m", "1m" }, "Minimum memory limit allowed is 6MB")]
    [InlineData(new[] { "-m", "512m", "--memory-swap", "100m" }, "Minimum memoryswap limit should be larger than memory limit, see usage")]
    [InlineData(new[] { "--cpuset-cpus", "4000" }, "Requested CPUs are not available - requested 4000, available: ")]
    [InlineData(new[] { "--cpu-quota", "10" }, "CPU cfs quota can not be less than 1ms (i.e. 1000)")]
    public async Task A_limit_without_sense_is_refused_by_an_update(string[] limits, string message)
    {
        var id = await RunAsync("busybox", "sleep", "100");
        var result = await engine.DockerAsync(["update", .. limits, id]);
        result.ShouldExit(1).Error.ShouldContain(message);
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
    }

    [Fact]
    public async Task A_memory_limit_with_swap_must_be_changed_together_with_it()
    {
        var id = await RunAsync("-m", "64m", "--memory-swap", "96m", "busybox", "sleep", "100");
        (await engine.DockerAsync("update", "-m", "256m", id)).ShouldExit(1).Error.ShouldContain("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
    }

    [Fact]
    public async Task A_process_over_the_limit_of_processes_is_not_made()
    {
        // The shell and its three children are four; the fifth fork fails.
        var result = await engine.DockerAsync("run", "--rm", "--pids-limit", "4", "busybox", "sh", "-c", "sleep 5 & sleep 5 & sleep 5 & sleep 5 & echo started; kill $(jobs -p)");
        result.Error.ShouldContain("can't fork");
    }

    [Fact]
    public async Task A_block_device_is_throttled()
    {
        var (major, minor) = BlockDevice();
        var device = Path.GetFileName(File.ResolveLinkTarget($"/sys/dev/block/{major}:{minor}", false)!.FullName);
        var id = await RunAsync("--device-write-bps", $"/dev/{device}:1mb", "busybox", "sleep", "100");
        var numbers = $"{major}:{minor}";
        (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Throttle))[0].ShouldStartWith(CgroupFiles.V2 ? $"{numbers} rbps=max wbps=1048576" : $"{numbers} 1048576");
        if (engine.IsWharf)
        {
            // Docker changes them from API 1.55 on.
            (await engine.WharfAsync("update", "--device-write-bps", $"/dev/{device}:2mb", "--device-read-iops", $"/dev/{device}:30", id)).ShouldExit(0);
            (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Throttle))[0].ShouldStartWith(CgroupFiles.V2 ? $"{numbers} rbps=max wbps=2097152 riops=30" : $"{numbers} 2097152");
            (await engine.WharfAsync("update", "--device-write-bps", $"/dev/{device}:0", id)).ShouldExit(0);
            (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Throttle))[0].ShouldNotContain("2097152");
            (await engine.DockerAsync("inspect", "-f", "{{len .HostConfig.BlkioDeviceWriteBps}} {{(index .HostConfig.BlkioDeviceReadIOps 0).Rate}}", id)).Text.ShouldBe("0 30");
        }
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
    }

    /// <summary>A disk of this machine.</summary>
    private static (string Major, string Minor) BlockDevice()
    {
        var disk = Directory.GetDirectories("/sys/block").Select(Path.GetFileName)
            .FirstOrDefault(name => File.Exists("/dev/" + name) && !name!.StartsWith("loop", StringComparison.Ordinal) && !name.StartsWith("ram", StringComparison.Ordinal) && !name.StartsWith("sr", StringComparison.Ordinal));
        Assert.SkipWhen(disk is null, "this machine has no disk");
        var numbers = File.ReadAllText($"/sys/block/{disk}/dev").Trim().Split(':');
        return (numbers[0], numbers[1]);
    }

    [Fact]
    public async Task Only_devices_that_were_given_can_be_opened()
    {
        const string Probe = "mknod /m c 1 1; mknod /r c 1 9; dd if=/m of=/dev/null bs=1 count=1 2>&1 | grep -o 'not permitted'; dd if=/r of=/dev/null bs=1 count=1 2>/dev/null && echo read; echo x > /dev/full 2>/dev/null || echo full";
        (await engine.DockerAsync("run", "--rm", "busybox", "sh", "-c", Probe)).ShouldExit(0).Text.ShouldBe("not permitted\nread\nfull");
        var (major, minor) = BlockDevice();
        var readDisk = $"mknod /d b {major} {minor}; dd if=/d of=/dev/null bs=512 count=1 2>/dev/null && echo read";
        (await engine.DockerAsync("run", "--rm", "busybox", "sh", "-c", readDisk)).ShouldExit(1);
        (await engine.DockerAsync("run", "--rm", "--device-cgroup-rule", $"b {major}:{minor} r", "busybox", "sh", "-c", readDisk)).ShouldExit(0).Text.ShouldBe("read");
        (await engine.DockerAsync("run", "--rm", "--device-cgroup-rule", $"b {major}:{minor} w", "busybox", "sh", "-c", readDisk)).ShouldExit(1);
        (await engine.DockerAsync("run", "--rm", "--privileged", "busybox", "sh", "-c", readDisk)).ShouldExit(0).Text.ShouldBe("read");
        // Reading is given, writing is not: one rule's rights are not another's.
        (await engine.DockerAsync("run", "--rm", "--device", "/dev/null:/dev/ours:r", "busybox", "sh", "-c", "cat /dev/ours && echo read")).ShouldExit(0).Text.ShouldBe("read");
    }

    [Fact]
    public async Task A_container_is_below_its_cgroup_parent()
    {
        Assert.SkipWhen((await engine.DockerAsync("info", "--format", "{{.CgroupDriver}}")).Text == "systemd", "with systemd a parent is a slice: see SystemdCgroupTests");
        var id = await RunAsync("--cgroup-parent", "/wharf-parent-test", "--cgroupns", "host", "busybox", "sleep", "100");
        (await engine.DockerAsync("exec", id, "cat", "/proc/1/cgroup")).ShouldExit(0).Out.ShouldContain($":/wharf-parent-test/{id}");
        (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
        CgroupParent.Remove("wharf-parent-test");
    }
}
