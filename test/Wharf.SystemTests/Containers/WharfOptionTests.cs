using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Options and verbs of containers that docker has not: mount, --systemd, --timens, --cgroup-conf.</summary>
public sealed class WharfOptionTests(EngineFixture engine)
{
    [Fact]
    public async Task Files_of_containers_and_images_can_be_read_on_the_host()
    {
        Assert.SkipUnless(engine.IsWharf, "docker mounts nothing on the host");
        var name = "mounted-" + Guid.NewGuid().ToString("n")[..8];
        var place = Directory.CreateTempSubdirectory("wharf mount ").FullName;
        (await engine.WharfAsync("create", "--name", name, "busybox", "sh", "-c", "echo two > /file")).ShouldExit(0);
        try
        {
            (await engine.WharfAsync("start", "-a", name)).ShouldExit(0);
            var path = (await engine.WharfAsync("mount", name)).ShouldExit(0).Text;
            (await File.ReadAllTextAsync(path + "/file")).ShouldBe("two\n");
            Should.Throw<IOException>(() => File.WriteAllText(path + "/file", "three"));
            (await engine.WharfAsync("mount", "busybox", place)).ShouldExit(0).Text.ShouldBe(place);
            File.Exists(place + "/file").ShouldBeFalse();
            File.Exists(place + "/bin/busybox").ShouldBeTrue();
            (await engine.WharfAsync("mount")).Text.Split('\n').ShouldBe([$"{name}\t{path}", $"busybox\t{place}"], ignoreOrder: true);
            (await engine.WharfAsync("unmount", name, place)).ShouldExit(0);
            (await engine.WharfAsync("mount")).Text.ShouldBe("");
            Directory.EnumerateFileSystemEntries(place).ShouldBeEmpty();
            (await engine.WharfAsync("unmount", name)).ShouldExit(1).Error.ShouldContain($"{name} is not mounted");
            (await engine.WharfAsync("mount", name, "/no/such/place")).ShouldExit(1).Error.ShouldContain("/no/such/place");
            (await engine.WharfAsync("mount", "no-such")).ShouldExit(1).Error.ShouldContain("No such container or image: no-such");
        }
        finally
        {
            await engine.WharfAsync("unmount", name, place);
            await engine.DockerAsync("rm", "-f", name);
            Directory.Delete(place);
        }
    }

    [Fact]
    public async Task What_systemd_needs_is_there()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such option");
        var run = await engine.WharfAsync("run", "--rm", "--systemd", "-v", "/run/lock", "busybox", "sh", "-c", "echo $container; grep -E ' (/run|/tmp|/run/lock) ' /proc/mounts | cut -d' ' -f2,3; stat -c %a /tmp /run");
        run.ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("/run/lock", StringComparison.Ordinal)).ShouldBe(["oci", "/run tmpfs", "/tmp tmpfs", "1777", "755"], ignoreOrder: true);
        run.Out.ShouldNotContain("/run/lock tmpfs");
        var id = (await engine.WharfAsync("create", "--systemd", "busybox")).ShouldExit(0).Text;
        (await engine.DockerAsync("inspect", "-f", "{{.Config.StopSignal}} {{.HostConfig.CgroupnsMode}} {{.HostConfig.SecurityOpt}}", id)).Text.ShouldBe("SIGRTMIN+3 private [writable-cgroups=true]");
        (await engine.DockerAsync("rm", id)).ShouldExit(0);
    }

    [Fact]
    public async Task A_container_has_a_time_namespace_of_its_own_when_asked()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such option");
        var host = (await engine.WharfAsync("run", "--rm", "busybox", "readlink", "/proc/self/ns/time")).ShouldExit(0).Text;
        var id = (await engine.WharfAsync("run", "-d", "--timens", "private", "busybox", "sh", "-c", "readlink /proc/self/ns/time; sleep 1000")).ShouldExit(0).Text;
        try
        {
            var own = (await engine.DockerAsync("exec", id, "readlink", "/proc/1/ns/time")).ShouldExit(0).Text;
            own.ShouldStartWith("time:[");
            own.ShouldNotBe(host);
            (await engine.DockerAsync("exec", id, "readlink", "/proc/self/ns/time")).ShouldExit(0).Text.ShouldBe(own);
        }
        finally { await engine.DockerAsync("rm", "-f", id); }
        (await engine.WharfAsync("create", "--timens", "x", "busybox")).ShouldExit(1).Error.ShouldContain("must be private or host");
    }

    [Fact]
    public async Task A_cgroup_file_is_written_where_there_are_such_files()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such option");
        bool v2 = (await engine.DockerAsync("info", "-f", "{{.CgroupVersion}}")).Text == "2";
        var run = await engine.WharfAsync("run", "--rm", "--cgroupns", "private", "--cgroup-conf", "memory.high=67108864", "busybox", "cat", "/sys/fs/cgroup/memory.high");
        if (v2) run.ShouldExit(0).Text.ShouldBe("67108864");
        else run.ShouldExit(125).Error.ShouldContain("cgroup v2");
        (await engine.WharfAsync("run", "--rm", "--cgroup-conf", "cgroup.procs=1", "busybox", "true")).ShouldExit(125);
        (await engine.WharfAsync("run", "--rm", "--cgroup-conf", "memory.high", "busybox", "true")).ShouldExit(125).Error.ShouldContain("FILE=VALUE");
    }

    [Fact]
    public async Task Top_knows_the_columns_of_podman()
    {
        Assert.SkipUnless(engine.IsWharf, "docker passes all on to ps");
        var id = (await engine.WharfAsync("run", "-d", "--user", "7:8", "--cap-drop", "ALL", "--cap-add", "CHOWN", "busybox", "sh", "-c", "sleep 1000 & wait")).ShouldExit(0).Text;
        try
        {
            var host = (await engine.DockerAsync("inspect", "-f", "{{.State.Pid}}", id)).Text;
            var top = (await engine.WharfAsync("top", id, "pid,ppid", "hpid", "user", "group", "capeff", "capbnd", "seccomp", "nice", "tty", "args")).ShouldExit(0).Text.Split('\n').Select(static line => string.Join('|', line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))).ToList();
            top[0].ShouldBe("PID|PPID|HPID|USER|GROUP|EFFECTIVE CAPS|BOUNDING CAPS|SECCOMP|NI|TTY|COMMAND");
            top[1].ShouldBe($"1|0|{host}|7|8|none|CHOWN|filter|0|?|sh -c sleep 1000 & wait");
            top[2].ShouldMatch(@"^[0-9]+\|1\|[0-9]+\|7\|8\|none\|CHOWN\|filter\|0\|\?\|sleep 1000$");
            top.Count.ShouldBe(3);
            (await engine.WharfAsync("top", id, "pid", "nonsense")).ShouldExit(1);
        }
        finally { await engine.DockerAsync("rm", "-f", id); }
    }

    [Fact]
    public async Task Environment_ulimits_and_health_of_a_container_can_be_changed()
    {
        Assert.SkipUnless(engine.IsWharf, "docker updates limits and the restart policy only");
        var id = (await engine.WharfAsync("run", "-d", "-e", "A=1", "-e", "B=2", "--ulimit", "nofile=100:200", "busybox", "sleep", "1000")).ShouldExit(0).Text;
        try
        {
            (await engine.WharfAsync("update", "-e", "A=3", "-e", "C=4", "--unsetenv", "B", "--ulimit", "nofile=50:60", "--health-cmd", "test -e /well", "--health-interval", "100ms", "--health-retries", "1", id)).ShouldExit(0).Text.ShouldBe(id);
            (await engine.WharfAsync("exec", id, "sh", "-c", "echo $A $B $C; ulimit -n; ulimit -Hn")).Text.ShouldBe("3 4\n50\n60");
            await Health("unhealthy");
            (await engine.WharfAsync("exec", id, "touch", "/well")).ShouldExit(0);
            await Health("healthy");
            // The interval alone: what is checked stays.
            (await engine.WharfAsync("update", "--health-interval", "200ms", id)).ShouldExit(0);
            (await engine.DockerAsync("inspect", "-f", "{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}}", id)).Text.ShouldBe("[CMD-SHELL test -e /well] 200ms");
            (await engine.WharfAsync("update", "--no-healthcheck", id)).ShouldExit(0);
            (await engine.DockerAsync("inspect", "-f", "{{.State.Health}}", id)).Text.ShouldBe("<nil>");
            (await engine.WharfAsync("restart", "-t", "0", id)).ShouldExit(0);
            (await engine.WharfAsync("exec", id, "sh", "-c", "tr '\\0' '\\n' < /proc/1/environ | grep -E '^[ABC]=' | sort; grep 'open files' /proc/1/limits | tr -s ' '")).Text.TrimEnd().ShouldBe("A=3\nC=4\nMax open files 50 60 files");
        }
        finally { await engine.DockerAsync("rm", "-f", id); }
        var plain = (await engine.WharfAsync("create", "busybox")).ShouldExit(0).Text;
        (await engine.WharfAsync("update", "--health-interval", "1s", plain)).ShouldExit(1).Error.ShouldContain("the container has no check");
        (await engine.WharfAsync("update", "--health-cmd", "true", "--health-interval", "1us", plain)).ShouldExit(1).Error.ShouldContain("Interval in Healthcheck cannot be less than 1ms");
        (await engine.DockerAsync("rm", plain)).ShouldExit(0);

        async Task Health(string status)
        {
            for (int i = 0; i < 100; i++)
            {
                if ((await engine.DockerAsync("inspect", "-f", "{{.State.Health.Status}}", id)).Text == status) return;
                await Task.Delay(100);
            }
            Assert.Fail($"it has not become {status}");
        }
    }

    [Fact]
    public async Task A_check_can_be_changed_while_the_one_before_runs()
    {
        Assert.SkipUnless(engine.IsWharf, "docker updates limits and the restart policy only");
        var id = (await engine.WharfAsync("run", "-d", "--health-cmd", "true", "--health-interval", "1ms", "busybox", "sleep", "1000")).ShouldExit(0).Text;
        try
        {
            using var api = new EngineApi(engine.SocketPath);
            for (int i = 0; i < 300; i++)
            {
                var answer = await api.PostAsync($"/containers/{id}/update", """{"Healthcheck":{"Interval":1000000}}""");
                answer.Status.ShouldBe(200, answer.Text);
            }
        }
        finally { await engine.DockerAsync("rm", "-f", id); }
    }
}
