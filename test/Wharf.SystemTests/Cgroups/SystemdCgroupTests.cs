using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cgroups;

/// <summary>Containers as systemd's scopes (<c>--exec-opt native.cgroupdriver=systemd</c>). Needs a machine with systemd: <c>./dev vm</c>.</summary>
public sealed class SystemdCgroupTests
{
    private static void NeedSystemd() => Assert.SkipUnless(Directory.Exists("/run/systemd/system"), "this machine's init is not systemd; ./dev vm has one");

    private static async Task WithEngineAsync(Func<EngineFixture, Task> body)
    {
        var engine = new EngineFixture();
        await using (engine)
        {
            await engine.InitializeAsync();
            await engine.StopDaemonAsync();
            await engine.StartDaemonAsync("--exec-opt", "native.cgroupdriver=systemd");
            await body(engine);
        }
    }

    private static async Task<string> ShowAsync(string unit, string property) =>
        (await CommandResult.RunAsync("systemctl", ["show", unit, "-p", property, "--value"])).ShouldExit(0).Text;

    [Fact]
    public async Task A_container_is_a_scope_with_its_limits_known_to_systemd()
    {
        NeedSystemd();
        await WithEngineAsync(async engine =>
        {
            (await engine.DockerAsync("info", "--format", "{{.CgroupDriver}}")).ShouldExit(0).Text.ShouldBe("systemd");
            var id = (await engine.DockerAsync("run", "-d", "-m", "64m", "--cpu-shares", "512", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0", "busybox", "sleep", "100")).ShouldExit(0).Text;
            var unit = $"wharf-{id}.scope";
            (await ShowAsync(unit, "ActiveState")).ShouldBe("active");
            (await ShowAsync(unit, "ControlGroup")).ShouldBe($"/system.slice/{unit}");
            (await ShowAsync(unit, "Delegate")).ShouldBe("yes");
            (await ShowAsync(unit, CgroupFiles.V2 ? "MemoryMax" : "MemoryLimit")).ShouldBe($"{64 << 20}");
            (await ShowAsync(unit, CgroupFiles.V2 ? "CPUWeight" : "CPUShares")).ShouldBe(CgroupFiles.V2 ? "59" : "512");
            (await ShowAsync(unit, "TasksMax")).ShouldBe("50");
            (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Memory, CgroupFiles.Pids, CgroupFiles.Cpus)).ShouldBe([$"{64 << 20}", "50", "0"]);

            (await engine.DockerAsync("update", "-m", "128m", "--memory-swap", "256m", "--pids-limit", "70", id)).ShouldExit(0);
            (await ShowAsync(unit, CgroupFiles.V2 ? "MemoryMax" : "MemoryLimit")).ShouldBe($"{128 << 20}");
            (await ShowAsync(unit, "TasksMax")).ShouldBe("70");

            // systemd writes its own view of a unit when it reads its files again: it must be ours.
            (await CommandResult.RunAsync("systemctl", ["daemon-reload"])).ShouldExit(0);
            (await CgroupFiles.ReadAsync(engine, id, CgroupFiles.Memory, CgroupFiles.Pids)).ShouldBe([$"{128 << 20}", "70"]);
            (await engine.DockerAsync("exec", id, "sh", "-c", "mknod /m c 1 1; dd if=/m of=/dev/null bs=1 count=1 2>&1 | grep -o 'not permitted'; : < /dev/null && echo null")).ShouldExit(0).Text.ShouldBe("not permitted\nnull");

            (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
            (await ShowAsync(unit, "ActiveState")).ShouldBe("inactive");
            Directory.GetDirectories("/sys/fs/cgroup", unit, SearchOption.AllDirectories).ShouldBeEmpty();
        });
    }

    [Fact]
    public async Task A_parent_is_a_slice_and_nothing_else()
    {
        NeedSystemd();
        await WithEngineAsync(async engine =>
        {
            (await engine.DockerAsync("run", "--rm", "--cgroup-parent", "/some/where", "busybox", "true")).ShouldExit(125).Error.ShouldContain("cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"");
            var id = (await engine.DockerAsync("run", "-d", "--cgroup-parent", "wharf-test.slice", "busybox", "sleep", "100")).ShouldExit(0).Text;
            (await ShowAsync($"wharf-{id}.scope", "ControlGroup")).ShouldBe($"/wharf.slice/wharf-test.slice/wharf-{id}.scope");
            (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
        });
    }

    [Fact]
    public async Task A_container_that_does_not_start_leaves_no_scope()
    {
        NeedSystemd();
        await WithEngineAsync(async engine =>
        {
            (await engine.DockerAsync("run", "--name", "wharf-nothing", "busybox", "/no/such/program")).ShouldExit(127);
            var id = (await engine.DockerAsync("inspect", "--format", "{{.Id}}", "wharf-nothing")).ShouldExit(0).Text;
            (await ShowAsync($"wharf-{id}.scope", "LoadState")).ShouldBe("not-found");
            (await engine.DockerAsync("rm", "-f", "wharf-nothing")).ShouldExit(0);
        });
    }

    [Fact]
    public async Task A_container_outlives_the_daemon_in_its_scope()
    {
        NeedSystemd();
        await WithEngineAsync(async engine =>
        {
            var id = (await engine.DockerAsync("run", "-d", "busybox", "sleep", "100")).ShouldExit(0).Text;
            await engine.KillDaemonAsync();
            (await ShowAsync($"wharf-{id}.scope", "ActiveState")).ShouldBe("active");
            await engine.StartDaemonAsync("--exec-opt", "native.cgroupdriver=systemd");
            (await engine.DockerAsync("exec", id, "echo", "here")).ShouldExit(0).Text.ShouldBe("here");
            (await engine.DockerAsync("rm", "-f", id)).ShouldExit(0);
            (await ShowAsync($"wharf-{id}.scope", "ActiveState")).ShouldBe("inactive");
        });
    }
}
