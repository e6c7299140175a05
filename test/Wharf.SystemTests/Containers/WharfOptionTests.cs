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
}
