using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cgroups;

/// <summary>What is seen of the OOM killer, of freezing and of use.</summary>
public sealed class CgroupEventTests(EngineFixture engine)
{
    [Fact]
    public async Task A_container_that_runs_out_of_memory_is_killed_and_says_so()
    {
        var since = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString();
        var result = await engine.DockerAsync("run", "--name", "wharf-oom", "-m", "24m", "--memory-swap", "24m", "busybox", "tail", "/dev/zero");
        result.ShouldExit(137);
        (await engine.DockerAsync("inspect", "--format", "{{.State.OOMKilled}} {{.State.ExitCode}}", "wharf-oom")).ShouldExit(0).Text.ShouldBe("true 137");
        var until = (DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1).ToString();
        (await engine.DockerAsync("events", "--since", since, "--until", until, "--filter", "container=wharf-oom", "--format", "{{.Action}}")).ShouldExit(0).Text.Split('\n').ShouldContain("oom");
        (await engine.DockerAsync("rm", "-f", "wharf-oom")).ShouldExit(0);
    }

    [Fact]
    public async Task The_kill_of_a_child_is_told_while_the_container_runs_on()
    {
        var since = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString();
        (await engine.DockerAsync("run", "-d", "--name", "wharf-oom-child", "-m", "24m", "--memory-swap", "24m", "busybox", "sh", "-c", "tail /dev/zero; echo survived; sleep 100")).ShouldExit(0);
        // The first event of the kind ends the wait: the filter says which.
        var events = await CommandResult.RunAsync("timeout", ["60", "sh", "-c", $"docker events --since {since} --filter container=wharf-oom-child --filter event=oom --format '{{{{.Action}}}}' | head -1"], seconds: 70,
            environment: new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host });
        events.Text.ShouldBe("oom");
        (await engine.DockerAsync("inspect", "--format", "{{.State.Running}}", "wharf-oom-child")).ShouldExit(0).Text.ShouldBe("true");
        (await engine.DockerAsync("rm", "-f", "wharf-oom-child")).ShouldExit(0);
    }

    [Fact]
    public async Task A_paused_container_stands_still_and_can_be_killed()
    {
        (await engine.DockerAsync("run", "-d", "--name", "wharf-pause", "busybox", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i > /count; done")).ShouldExit(0);
        (await engine.DockerAsync("pause", "wharf-pause")).ShouldExit(0);
        var first = await CountAsync("wharf-pause");
        await Task.Delay(200);
        (await CountAsync("wharf-pause")).ShouldBe(first);
        (await engine.DockerAsync("unpause", "wharf-pause")).ShouldExit(0);
        var patience = System.Diagnostics.Stopwatch.StartNew();
        string later; // the same for a while on a busy machine: the shell has not run yet
        while ((later = await CountAsync("wharf-pause")) == first && patience.Elapsed < TimeSpan.FromSeconds(60)) await Task.Delay(100);
        later.ShouldNotBe(first);
        (await engine.DockerAsync("pause", "wharf-pause")).ShouldExit(0);
        (await engine.DockerAsync("rm", "-f", "wharf-pause")).ShouldExit(0);
    }

    // Copied and not exec'ed: an exec in a paused container is refused.
    private async Task<string> CountAsync(string container) => (await engine.DockerAsync("cp", $"{container}:/count", "-")).ShouldExit(0).Out;

    [Fact]
    public async Task Stats_count_what_a_container_uses()
    {
        (await engine.DockerAsync("run", "-d", "--name", "wharf-stats", "-m", "64m", "busybox", "sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=8 2>/dev/null; while :; do :; done")).ShouldExit(0);
        await Task.Delay(500);
        var line = (await engine.DockerAsync("stats", "--no-stream", "--format", "{{.CPUPerc}}|{{.MemUsage}}|{{.PIDs}}", "wharf-stats")).ShouldExit(0).Text.Split('|');
        double.Parse(line[0].TrimEnd('%'), System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(1);
        line[1].ShouldEndWith("/ 64MiB");
        line[2].ShouldBe("1");
        (await engine.DockerAsync("rm", "-f", "wharf-stats")).ShouldExit(0);
    }
}
