using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.MainJob;

/// <summary>An engine in a container of the engine, as CI jobs have it ("Docker in Docker"): a privileged container with a volume for the data.</summary>
public sealed class NestedTests(EngineFixture engine)
{
    [Fact]
    public async Task An_engine_runs_in_a_privileged_container_and_ends_with_it()
    {
        var rootfs = Path.Combine(engine.Root, "nested.tar");
        await File.WriteAllBytesAsync(rootfs, BusyboxImage.Tar(), TestContext.Current.CancellationToken);
        const string Volume = "nested-data";
        // The host's libraries, for what the daemon loads when it needs it (libnftables).
        (await engine.DockerAsync("run", "-d", "--name", "nested", "--privileged", "-v", Volume + ":/data", "-v", $"{EngineFixture.Binaries}:/opt:ro", "-v", $"{rootfs}:/busybox.tar:ro",
            "-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro", "busybox", "/opt/wharf", "daemon", "-H", "unix:///w.sock", "--data-root", "/data", "--exec-root", "/run/w")).ShouldExit(0);
        try
        {
            Task<CommandResult> InsideAsync(params string[] command) => engine.DockerAsync(["exec", "nested", "/opt/wharf", "-H", "unix:///w.sock", .. command]);
            (await engine.DockerAsync("exec", "nested", "timeout", "30", "sh", "-c", "until [ -S /w.sock ]; do sleep 0.1; done")).ShouldExit(0);
            (await InsideAsync("import", "/busybox.tar", "inner")).ShouldExit(0);
            (await InsideAsync("run", "--rm", "-m", "50m", "inner", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; hostname -i | wc -w")).ShouldExit(0).Out.ShouldBe("52428800\n1\n");
            (await InsideAsync("run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", "inner", "sh", "-c", "echo page > /index.html; exec httpd -f -p 80 -h /")).ShouldExit(0);
            (await engine.DockerAsync("exec", "nested", "timeout", "30", "sh", "-c", "until wget -qO- http://127.0.0.1:8080/index.html; do sleep 0.1; done")).ShouldExit(0).Out.ShouldBe("page\n");
        }
        finally
        {
            (await engine.DockerAsync("rm", "-f", "nested")).ShouldExit(0);
            (await engine.DockerAsync("volume", "rm", Volume)).ShouldExit(0);
        }
    }
}
