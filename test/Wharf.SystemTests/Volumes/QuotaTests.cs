using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Volumes;

/// <summary>Sizes of volumes and of writable layers, on a file system that keeps to them, and on one that does not.</summary>
public sealed class QuotaTests(EngineFixture engine)
{
    /// <summary>What kernels say, by version and file system.</summary>
    private const string Full = "No space left on device|Disk quota exceeded";

    [Fact]
    public async Task A_size_is_refused_where_the_file_system_counts_no_projects()
    {
        var made = await engine.DockerAsync("volume", "create", "-o", "size=10m", "wt-sized");
        if (made.ExitCode == 0)
        {
            (await engine.DockerAsync("volume", "rm", "wt-sized")).ShouldExit(0);
            Assert.Skip("the engine's file system has project quotas");
        }
        made.ShouldExit(1).Error.ShouldContain("quota size requested but no quota support");
    }

    [Fact]
    public async Task A_volume_holds_no_more_than_its_size()
    {
        var place = Directory.CreateTempSubdirectory("wharf-quota-").FullName;
        var (image, mount) = (place + "/disk", Directory.CreateDirectory(place + "/mount").FullName);
        try
        {
            (await CommandResult.RunAsync("truncate", ["-s", "200M", image])).ShouldExit(0);
            (await CommandResult.RunAsync("mkfs.ext4", ["-q", "-O", "project,quota", image])).ShouldExit(0);
            var mounted = await CommandResult.RunAsync("mount", ["-o", "loop,prjquota", image, mount]);
            if (mounted.ExitCode != 0) Assert.Skip($"the kernel mounts no file system with project quotas: {mounted.Error.Trim()}");
            try
            {
                await using var own = new EngineFixture();
                // The last one counts.
                await own.StartOwnAsync("--data-root", mount + "/data");
                await own.EnsureImageAsync();
                (await own.DockerAsync("volume", "create", "-o", "size=4m", "sized")).ShouldExit(0);
                (await own.DockerAsync("volume", "inspect", "sized", "--format", "{{json .Options}}")).ShouldExit(0).Text.ShouldBe("{\"size\":\"4m\"}");
                (await own.DockerAsync("run", "--rm", "-v", "sized:/data", "busybox", "dd", "if=/dev/zero", "of=/data/small", "bs=1M", "count=3")).ShouldExit(0);
                (await own.DockerAsync("run", "--rm", "-v", "sized:/data", "busybox", "dd", "if=/dev/zero", "of=/data/large", "bs=1M", "count=3")).ShouldExit(1).Error.ShouldMatch(Full);
                (await own.DockerAsync("volume", "create", "free")).ShouldExit(0);
                (await own.DockerAsync("run", "--rm", "-v", "free:/data", "busybox", "dd", "if=/dev/zero", "of=/data/large", "bs=1M", "count=20")).ShouldExit(0);
                (await own.DockerAsync("volume", "rm", "sized")).ShouldExit(0);

                // The same for what a container writes, after it was rolled back too.
                (await own.DockerAsync("run", "-d", "--name", "small", "--storage-opt", "size=4m", "busybox", "dd", "if=/dev/zero", "of=/large", "bs=1M", "count=6")).ShouldExit(0);
                (await own.DockerAsync("wait", "small")).ShouldExit(0).Text.ShouldBe("1");
                (await own.DockerAsync("logs", "small")).Error.ShouldMatch(Full);
                (await own.DockerAsync("inspect", "-f", "{{.HostConfig.StorageOpt.size}}", "small")).Text.ShouldBe("4m");
                (await own.DockerAsync("start", "-a", "small")).ShouldExit(1);
                (await own.DockerAsync("run", "--rm", "busybox", "dd", "if=/dev/zero", "of=/large", "bs=1M", "count=6")).ShouldExit(0);
                (await own.DockerAsync("rm", "small")).ShouldExit(0);
            }
            finally { (await CommandResult.RunAsync("umount", ["-l", mount])).ShouldExit(0); }
        }
        finally { Directory.Delete(place, recursive: true); }
    }
}
