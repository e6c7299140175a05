using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>Containers whose root a program serves: <c>storage-driver fuse-overlayfs</c>, for root and for a user.</summary>
public sealed class FuseOverlayTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_program_lives_as_long_as_its_container_whoever_dies_meanwhile(bool rootless)
    {
        await using var fuse = await FuseEngine.StartAsync(rootless);
        var engine = fuse.Engine;
        async Task<string> DockerAsync(params string[] args) => (await engine.DockerAsync(args)).ShouldExit(0).Text;
        (await DockerAsync("info", "-f", "{{.Driver}}")).ShouldBe("fuse-overlayfs");
        await DockerAsync("run", "-d", "--name", "one", "--network", "none", "busybox", "sh", "-c", "[ -e /var/written ] || { rm -r /var; mkdir /var; echo 1 > /var/written; chown 33:33 /var/written; }; exec sleep 1000");
        await fuse.ServersAsync(1);
        (await DockerAsync("exec", "one", "sh", "-c", "mount | head -1")).ShouldStartWith("fuse-overlayfs on / type fuse.fuse-overlayfs (rw,");
        (await DockerAsync("diff", "one")).Split('\n').ShouldBe(["C /var", "A /var/written"]);
        await DockerAsync("commit", "one", "committed");
        (await DockerAsync("run", "--rm", "--network", "none", "committed", "stat", "-c", "%u:%g %n", "/var/written")).ShouldBe("33:33 /var/written");
        await File.WriteAllTextAsync($"{engine.Root}/given", "given", TestContext.Current.CancellationToken);
        await DockerAsync("cp", $"{engine.Root}/given", "one:/var/given");
        (await DockerAsync("exec", "one", "cat", "/var/given")).ShouldBe("given");
        await DockerAsync("export", "-o", $"{engine.Root}/root.tar", "one");
        (await CommandResult.RunAsync("tar", ["-tf", $"{engine.Root}/root.tar"])).ShouldExit(0).Text.Split('\n').Where(name => name.StartsWith("var/", StringComparison.Ordinal)).ShouldBe(["var/", "var/given", "var/written"]);
        await engine.KillDaemonAsync();
        await fuse.ServersAsync(1);
        await fuse.StartDaemonAsync();
        (await DockerAsync("exec", "one", "cat", "/var/written")).ShouldBe("1");
        await DockerAsync("restart", "-t", "0", "one");
        await fuse.ServersAsync(1);
        (await DockerAsync("exec", "one", "ls", "/var")).ShouldBe("given\nwritten");
        await DockerAsync("kill", "one");
        await fuse.ServersAsync(0);
        await DockerAsync("cp", $"{engine.Root}/given", "one:/var/again");
        (await engine.DockerAsync("cp", "one:/var/again", "-")).ShouldExit(0).Out.ShouldContain("given");
        (await DockerAsync("diff", "one")).Split('\n').ShouldBe(["C /var", "A /var/again", "A /var/given", "A /var/written"]);
        await DockerAsync("rm", "one");
        await fuse.ServersAsync(0);
        (await File.ReadAllTextAsync("/proc/self/mountinfo", TestContext.Current.CancellationToken)).ShouldNotContain(engine.Root);
    }

    [Fact]
    public async Task Its_containers_go_on_as_they_are_under_another_driver_and_others_under_it()
    {
        await using var fuse = await FuseEngine.StartAsync(rootless: false);
        var engine = fuse.Engine;
        (await engine.DockerAsync("run", "--name", "fused", "--network", "none", "busybox", "sh", "-c", "rm -r /var; mkdir /var; touch /var/f")).ShouldExit(0);
        await engine.StopDaemonAsync();
        await engine.StartDaemonAsync();
        (await engine.DockerAsync("info", "-f", "{{.Driver}}")).ShouldExit(0).Text.ShouldBe("overlay2");
        (await engine.DockerAsync("inspect", "-f", "{{.Driver}}", "fused")).ShouldExit(0).Text.ShouldBe("fuse-overlayfs");
        (await engine.DockerAsync("start", "-a", "fused")).ShouldExit(0);
        (await engine.DockerAsync("diff", "fused")).ShouldExit(0).Text.Split('\n').ShouldBe(["C /var", "A /var/f"]);
        (await engine.DockerAsync("run", "--name", "stacked", "--network", "none", "busybox", "sh", "-c", "rm -r /var; mkdir /var; touch /var/s")).ShouldExit(0);
        await engine.StopDaemonAsync();
        await fuse.StartDaemonAsync();
        (await engine.DockerAsync("start", "-a", "stacked")).ShouldExit(0);
        (await engine.DockerAsync("commit", "stacked", "both")).ShouldExit(0);
        (await engine.DockerAsync("run", "--rm", "--network", "none", "both", "ls", "/var")).ShouldExit(0).Text.ShouldBe("s");
    }

    [Fact]
    public async Task Volumes_images_and_binds_are_seen_in_a_container_that_does_not_run()
    {
        await using var fuse = await FuseEngine.StartAsync(rootless: false);
        var engine = fuse.Engine;
        (await engine.WharfAsync("FROM busybox\nRUN mkdir -p /deep/er\nRUN echo 1 > /deep/er/f\n"u8.ToArray(), "build", "--network", "none", "-t", "layered", "-")).ShouldExit(0);
        (await engine.DockerAsync("create", "--name", "seen", "--network", "none", "-v", "vol:/vol", "--mount", "type=image,source=layered,target=/image", "busybox", "ls", "/vol")).ShouldExit(0);
        (await engine.DockerAsync("cp", "seen:/image/deep/er/f", "-")).ShouldExit(0).Out.ShouldContain("1");
        await File.WriteAllTextAsync($"{engine.Root}/given", "given", TestContext.Current.CancellationToken);
        (await engine.DockerAsync("cp", $"{engine.Root}/given", "seen:/vol/given")).ShouldExit(0);
        await fuse.ServersAsync(0);
        (await engine.DockerAsync("start", "-a", "seen")).ShouldExit(0).Text.ShouldBe("given");
        await fuse.ServersAsync(0);
    }

    [Theory]
    [InlineData("bindfs", "fuse-overlayfs", "overlayfs cannot stand on that file system: fsconfig create")]
    [InlineData("bindfs without the program", "vfs", "the program fuse-overlayfs is not on this machine: install the package of that name")]
    [InlineData("overlay", "vfs", "storage-driver \"fuse-overlayfs\" cannot be used for ")]
    public async Task Where_overlayfs_cannot_stand_the_next_that_can_be_is_chosen_and_the_log_says_why(string place, string driver, string reason)
    {
        Programs.Find("fuse-overlayfs");
        var disk = Directory.CreateTempSubdirectory("wharf-below-").FullName;
        foreach (var name in (ReadOnlySpan<string>)["lower", "upper", "work", "seen"]) Directory.CreateDirectory($"{disk}/{name}");
        string[] mount = place == "overlay" ? ["mount", "-t", "overlay", "overlay", "-o", $"lowerdir={disk}/lower,upperdir={disk}/upper,workdir={disk}/work", disk + "/seen"] : [Programs.Find("bindfs"), "-o", "dev,suid", disk + "/lower", disk + "/seen"];
        (await CommandResult.RunAsync(mount[0], mount[1..])).ShouldExit(0);
        try
        {
            await using var engine = new EngineFixture { DataRoot = disk + "/seen/data" };
            if (place.EndsWith("program", StringComparison.Ordinal)) engine.Within = ["env", "PATH=/usr/sbin"];
            await engine.StartOwnAsync();
            (await engine.DockerAsync("info", "-f", "{{.Driver}}")).ShouldExit(0).Text.ShouldBe(driver);
            engine.Log.Replace("\\u0022", "\"").ShouldContain("storage-driver \"overlay2\" cannot be used for ");
            engine.Log.Replace("\\u0022", "\"").ShouldContain(reason);
            engine.Log.Replace("\\u0022", "\"").ShouldContain($"storage-driver \"{driver}\" is used in its place");
            await engine.EnsureImageAsync();
            (await engine.DockerAsync("run", "--name", "seen", "--network", "none", "busybox", "sh", "-c", "echo 1 > /made; cat /made")).ShouldExit(0).Text.ShouldBe("1");
            (await engine.DockerAsync("diff", "seen")).ShouldExit(0).Text.ShouldBe("A /made");
            // Who asks for one that cannot be is refused.
            await engine.StopDaemonAsync();
            var asked = await CommandResult.RunAsync(engine.Program, ["daemon", "-H", $"unix://{disk}/sock", "--data-root", engine.DataRoot, "--exec-root", disk + "/run", "--storage-driver", "overlay2"]);
            asked.ShouldExit(1).Error.ShouldContain("storage-driver \"overlay2\" cannot be used for ");
        }
        finally
        {
            (await CommandResult.RunAsync("umount", [disk + "/seen"])).ShouldExit(0);
            Directory.Delete(disk, recursive: true);
        }
    }
}
