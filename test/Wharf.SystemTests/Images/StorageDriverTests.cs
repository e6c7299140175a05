using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>A daemon without overlayfs: <c>storage-driver vfs</c> and <c>btrfs</c>.</summary>
public sealed class StorageDriverTests
{
    [Theory]
    [InlineData("vfs", "null")]
    [InlineData("btrfs", """[["Btrfs",""]]""")]
    public async Task Containers_builds_diffs_and_commits_work_without_overlayfs(string driver, string status)
    {
        await using var started = await DriverEngine.StartAsync(driver);
        var engine = started.Engine;
        (await engine.DockerAsync("info", "-f", "{{.Driver}} {{json .DriverStatus}}")).ShouldExit(0).Text.ShouldBe($"{driver} {status}");
        (await engine.DockerAsync(BusyboxImage.Tar(), "import", "--change", "CMD [\"sh\"]", "-", "busybox:latest")).ShouldExit(0);
        (await engine.DockerAsync("run", "--name", "plain", "--network", "none", "busybox", "sh", "-c", "mkdir /data && echo one > /data/file && rm /bin/true && hostname")).ShouldExit(0);
        var id = (await engine.DockerAsync("inspect", "-f", "{{.Id}}", "plain")).ShouldExit(0).Text;
        (await engine.DockerAsync("inspect", "-f", "{{.Driver}} {{json .GraphDriver}}", "plain")).ShouldExit(0).Text.ShouldBe($$"""{{driver}} {"Data":{"ID":"{{id}}"},"Name":"{{driver}}"}""");
        (await engine.DockerAsync("image", "inspect", "-f", "{{json .GraphDriver}}", "busybox")).ShouldExit(0).Text.ShouldBe($$"""{"Data":null,"Name":"{{driver}}"}""");
        (await engine.DockerAsync("diff", "plain")).ShouldExit(0).Text.Split('\n').ShouldBe(["C /bin", "D /bin/true", "A /data", "A /data/file"]);
        (await engine.DockerAsync("commit", "plain", "committed")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "--network", "none", "committed", "sh", "-c", "cat /data/file; ls /bin/true")).Out.Trim().ShouldBe("one");
        // What is read-only stays so, and nothing of a container reaches the layers or another container.
        (await engine.DockerAsync("run", "--rm", "--network", "none", "--read-only", "committed", "sh", "-c", "echo two > /data/file")).ExitCode.ShouldNotBe(0);
        (await engine.DockerAsync("run", "--rm", "--network", "none", "committed", "sh", "-c", "echo two > /data/file")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "--network", "none", "committed", "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("one");
        var dockerfile = "FROM committed AS first\nRUN echo built > /built && rm /data/file\nFROM busybox\nCOPY --from=first /built /from/first\nRUN cat /from/first && chmod 700 /from\n";
        (await engine.WharfAsync(Encoding.UTF8.GetBytes(dockerfile), "build", "--network", "none", "-t", "built", "-")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "--network", "none", "built", "sh", "-c", "cat /from/first; stat -c %a /from")).ShouldExit(0).Text.ShouldBe("built\n700");
        (await engine.DockerAsync("run", "--rm", "--network", "none", "--mount", "type=image,source=built,target=/image", "busybox", "cat", "/image/from/first")).ShouldExit(0).Text.ShouldBe("built");
        // A running container, a daemon killed under it, and what it has written.
        (await engine.DockerAsync("run", "-d", "--name", "runs", "--network", "none", "committed", "sh", "-c", "echo three > /data/file; exec sleep 1000")).ShouldExit(0);
        await engine.KillDaemonAsync();
        await started.StartDaemonAsync();
        (await engine.DockerAsync("exec", "runs", "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("three");
        (await engine.DockerAsync("cp", "runs:/data/file", "-")).ShouldExit(0);
        (await engine.WharfAsync("system", "check")).ShouldExit(0);
        (await engine.DockerAsync("rm", "-f", "runs", "plain")).ShouldExit(0);
        // The same data root with overlayfs.
        await engine.StopDaemonAsync();
        await engine.StartDaemonAsync();
        (await engine.DockerAsync("run", "--rm", "--network", "none", "committed", "cat", "/data/file")).ShouldExit(0).Text.ShouldBe("one");
    }
}
