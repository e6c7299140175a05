using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>A daemon with another driver than overlay2: <c>storage-driver erofs</c>, <c>composefs</c>, <c>vfs</c>, <c>btrfs</c>, <c>zfs</c> and <c>fuse-overlayfs</c>.</summary>
public sealed class StorageDriverTests
{
    [Theory]
    [InlineData("erofs", """[["Backing Filesystem",""")]
    [InlineData("composefs", """[["Backing Filesystem",""")]
    [InlineData("vfs", "null")]
    [InlineData("btrfs", """[["Btrfs",""]]""")]
    [InlineData("fuse-overlayfs", "[]")]
    public Task Containers_builds_diffs_and_commits_work_with_other_drivers(string driver, string status) => WorkAsync(driver, status);

    /// <summary>What of a daemon's work has to do with its driver.</summary>
    internal static async Task WorkAsync(string driver, string status)
    {
        await using var started = await DriverEngine.StartAsync(driver);
        var engine = started.Engine;
        (await engine.DockerAsync("info", "-f", "{{.Driver}} {{json .DriverStatus}}")).ShouldExit(0).Text.ShouldStartWith($"{driver} {status.Replace("POOL", (started.Disk as ZfsDisk)?.Pool, StringComparison.Ordinal)}");
        (await engine.DockerAsync(BusyboxImage.Tar(), "import", "--change", "CMD [\"sh\"]", "-", "busybox:latest")).ShouldExit(0);
        (await engine.DockerAsync("run", "--name", "plain", "--network", "none", "busybox", "sh", "-c", "mkdir /data && echo one > /data/file && rm /bin/true && hostname")).ShouldExit(0);
        var id = (await engine.DockerAsync("inspect", "-f", "{{.Id}}", "plain")).ShouldExit(0).Text;
        var (root, layer) = ($"{engine.DataRoot}/snapshots/2", $"{engine.DataRoot}/snapshots/1");
        bool whole = driver is "vfs" or "btrfs" or "zfs";
        var work = driver == "fuse-overlayfs" ? "fuse" : "work";
        var lower = driver == "composefs" ? layer + "/stack" : $"{layer}/fs:{engine.DataRoot}/snapshots/base/fs";
        var data = whole ? $$"""{"ID":"{{id}}"}""" : $$"""{"ID":"{{id}}","LowerDir":"{{lower}}","UpperDir":"{{root}}/fs","WorkDir":"{{root}}/{{work}}"}""";
        (await engine.DockerAsync("inspect", "-f", "{{.Driver}} {{json .GraphDriver}}", "plain")).ShouldExit(0).Text.ShouldBe($$"""{{driver}} {"Data":{{data}},"Name":"{{driver}}"}""");
        var ofImage = whole ? "null" : $$"""{"MergedDir":"{{layer}}/merged","UpperDir":"{{layer}}/fs","WorkDir":"{{layer}}/{{work}}"}""";
        (await engine.DockerAsync("image", "inspect", "-f", "{{json .GraphDriver}}", "busybox")).ShouldExit(0).Text.ShouldBe($$"""{"Data":{{ofImage}},"Name":"{{driver}}"}""");
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

    [Theory]
    [InlineData("aufs", "storage-driver \"aufs\" is not supported: there are overlay2, erofs, composefs, fuse-overlayfs, btrfs, zfs and vfs")]
    [InlineData("zfs", "storage-driver \"zfs\" needs a data root on ZFS, and /dev/shm/wharf-no-driver-zfs/snapshots lies on another file system: choose overlay2 or vfs")]
    [InlineData("btrfs", "storage-driver \"btrfs\" needs a data root on btrfs, and /dev/shm/wharf-no-driver-btrfs/snapshots lies on another file system: choose overlay2 or vfs")]
    public async Task A_driver_that_cannot_be_is_refused_in_a_line_that_tells_which_can(string driver, string message)
    {
        var root = "/dev/shm/wharf-no-driver-" + driver;
        try
        {
            var daemon = await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["daemon", "-H", $"unix://{root}/sock", "--data-root", root, "--exec-root", root + "/run", "--storage-driver", driver]);
            daemon.ShouldExit(1).Error.Trim().Split('\n')[^1].ShouldContain(message);
        }
        finally { if (Directory.Exists(root)) Directory.Delete(root, recursive: true); }
    }

    [Fact]
    public async Task A_size_of_a_writable_layer_is_refused_on_btrfs()
    {
        await using var started = await DriverEngine.StartAsync("btrfs");
        (await started.Engine.DockerAsync(BusyboxImage.Tar(), "import", "-", "busybox:latest")).ShouldExit(0);
        (await started.Engine.DockerAsync("create", "--storage-opt", "size=10m", "busybox", "sh")).ShouldExit(1).Error.ShouldContain("supported only where the data root lies on xfs or ext4");
        (await started.Engine.DockerAsync("ps", "-aq")).ShouldExit(0).Text.ShouldBe("");
    }
}
