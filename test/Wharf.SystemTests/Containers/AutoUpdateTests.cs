using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Containers put on newer images, and back where those do not run.</summary>
public sealed class AutoUpdateTests(EngineFixture engine)
{
    private const string Name = "auto-updated";

    /// <summary>An image of busybox that says which version it is, and runs this.</summary>
    private async Task<string> MakeImageAsync(string image, int version, string command = "[\"sleep\", \"1000\"]") =>
        (await engine.DockerAsync(BusyboxImage.Tar(), "import", "--change", $"ENV V={version}", "--change", $"CMD {command}", "-", image)).ShouldExit(0).Text;

    private async Task<string> UpdatedAsync(int exitCode, params string[] flags) =>
        (await engine.WharfAsync(["auto-update", "--settle", "300ms", "--format", "{{.Container}} {{.Policy}} {{.Updated}}", .. flags])).ShouldExit(exitCode).Text;

    [Fact]
    public async Task A_container_gets_its_images_newest_version_and_goes_back_when_that_does_not_run()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        const string image = "auto-update-app:latest";
        try
        {
            (await engine.DockerAsync("network", "create", "auto-update-net")).ShouldExit(0);
            await MakeImageAsync(image, 1);
            (await engine.WharfAsync("run", "-d", "--name", Name, "--stop-timeout", "0", "--label", "wharf.auto-update=local", "--network", "auto-update-net", "--network-alias", "app", "-e", "OWN=x", "-m", "64m", "-v", "/data", "-v", "auto-update-volume:/named",
                "--health-cmd", "test \"$V\" != 3", "--health-interval", "100ms", "--health-retries", "1", image)).ShouldExit(0);
            (await engine.DockerAsync("exec", Name, "sh", "-c", "echo kept > /data/file; echo lost > /root-file")).ShouldExit(0);
            (await UpdatedAsync(0)).ShouldBe($"{Name} local false");

            await MakeImageAsync(image, 2);
            (await UpdatedAsync(0, "--dry-run")).ShouldBe($"{Name} local pending");
            var first = await IdAsync();
            (await UpdatedAsync(0)).ShouldBe($"{Name} local true");
            (await engine.DockerAsync("exec", Name, "sh", "-c", "echo $V $OWN; cat /data/file; ls -d /named; ls /root-file")).Out.ShouldBe("2 x\nkept\n/named\n");
            (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.Memory}} {{json (index .NetworkSettings.Networks \"auto-update-net\").Aliases}}", Name)).Text.ShouldBe("67108864 [\"app\"]");
            (await engine.DockerAsync("inspect", first)).ExitCode.ShouldBe(1);

            // One that becomes unhealthy, and one that does not stay up.
            var second = await IdAsync();
            await MakeImageAsync(image, 3);
            (await UpdatedAsync(1)).ShouldBe($"{Name} local rolled back");
            await MakeImageAsync(image, 4, "[\"false\"]");
            (await UpdatedAsync(1)).ShouldBe($"{Name} local rolled back");
            (await IdAsync()).ShouldBe(second);
            (await engine.DockerAsync("exec", Name, "sh", "-c", "echo $V; cat /data/file")).Out.ShouldBe("2\nkept\n");
            (await engine.WharfAsync("auto-update", "--rollback=false")).ShouldExit(1).Error.ShouldContain($"{Name}: it ended with exit code 1");
            (await engine.DockerAsync("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", Name)).Text.ShouldBe("exited 1");
            (await engine.DockerAsync("ps", "-aq", "--filter", "name=" + Name)).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(1);
        }
        finally
        {
            await engine.DockerAsync("rm", "-f", "-v", Name);
            await engine.DockerAsync("network", "rm", "auto-update-net");
            await engine.DockerAsync("volume", "rm", "auto-update-volume");
            await engine.DockerAsync("volume", "prune", "-f");
            await engine.DockerAsync("rmi", "-f", image);
            await engine.DockerAsync("image", "prune", "-f");
        }
    }

    [Fact]
    public async Task A_newer_image_is_pulled_from_where_the_container_s_came()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        await using var registry = await LocalRegistry.StartAsync();
        var image = registry.Address + "/app:1";
        try
        {
            var first = await MakeImageAsync(image, 1);
            (await engine.DockerAsync("push", image)).ShouldExit(0);
            (await engine.WharfAsync("run", "-d", "--name", Name, "--stop-timeout", "0", "--label", "wharf.auto-update=registry", image)).ShouldExit(0);
            (await UpdatedAsync(0, "--dry-run")).ShouldBe($"{Name} registry false");
            (await UpdatedAsync(0)).ShouldBe($"{Name} registry false");
            // A newer one is made elsewhere: here the name still means the first.
            await MakeImageAsync(image, 2);
            (await engine.DockerAsync("push", image)).ShouldExit(0);
            (await engine.DockerAsync("tag", first, image)).ShouldExit(0);
            (await UpdatedAsync(0, "--dry-run")).ShouldBe($"{Name} registry pending");
            (await UpdatedAsync(0)).ShouldBe($"{Name} registry true");
            (await engine.DockerAsync("exec", Name, "sh", "-c", "echo $V")).Out.ShouldBe("2\n");

            await MakeImageAsync(image, 3, "[\"false\"]");
            (await engine.DockerAsync("push", image)).ShouldExit(0);
            (await UpdatedAsync(1)).ShouldBe($"{Name} registry rolled back");
            // The name means again what runs.
            (await engine.DockerAsync("image", "inspect", "-f", "{{.Id}}", image)).Text.ShouldBe((await engine.DockerAsync("inspect", "-f", "{{.Image}}", Name)).Text);
        }
        finally
        {
            await engine.DockerAsync("rm", "-f", Name);
            await engine.DockerAsync("rmi", "-f", image);
            await engine.DockerAsync("image", "prune", "-f");
        }
    }

    private async Task<string> IdAsync() => (await engine.DockerAsync("inspect", "-f", "{{.Id}}", Name)).Text;
}
