using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Daemon;

/// <summary>A data root that is moved while no daemon uses it.</summary>
public sealed class MovedDataRootTests
{
    [Fact]
    public async Task Containers_images_volumes_and_secrets_go_with_the_data_root()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await engine.EnsureImageAsync();
        (await engine.WharfAsync("volume", "create", "data")).ShouldExit(0);
        (await engine.WharfAsync("secret", "create", "word", "/etc/hostname")).ShouldExit(0);
        (await engine.WharfAsync("run", "-d", "--name", "live", "--restart", "always", "-v", "data:/data", "busybox", "sh", "-c", "echo of the volume >> /data/x; echo its own >> /own; sleep 600")).ShouldExit(0);
        (await engine.WharfAsync("run", "--name", "over", "-v", "/anonymous", "busybox", "sh", "-c", "echo kept > /anonymous/y; cat /anonymous/y")).ShouldExit(0);
        (await engine.WharfAsync("stop", "-t", "1", "live")).ShouldExit(0);
        await engine.StopDaemonAsync();
        var former = engine.DataRoot + "-former";
        Directory.Move(engine.DataRoot, former);
        var moved = Path.Combine(Directory.CreateDirectory(Path.Combine(engine.Root, "elsewhere")).FullName, "data");
        Directory.Move(former, moved);
        await engine.StartDaemonAsync("--data-root", moved);

        (await engine.WharfAsync("start", "live")).ShouldExit(0);
        (await engine.WharfAsync("exec", "live", "sh", "-c", "sort -u /data/x /own")).ShouldExit(0).Text.ShouldBe("its own\nof the volume");
        (await engine.WharfAsync("start", "-a", "over")).ShouldExit(0).Text.ShouldBe("kept");
        (await engine.WharfAsync("logs", "over")).ShouldExit(0).Text.ShouldBe("kept\nkept");
        (await engine.WharfAsync("volume", "inspect", "-f", "{{.Mountpoint}}", "data")).ShouldExit(0).Text.ShouldBe($"{moved}/volumes/data/_data");
        (await engine.WharfAsync("inspect", "-f", "{{range .Mounts}}{{.Source}}{{end}}", "live")).ShouldExit(0).Text.ShouldBe($"{moved}/volumes/data/_data");
        (await engine.WharfAsync("run", "--rm", "--secret", "word", "busybox", "cat", "/run/secrets/word")).ShouldExit(0).Text.ShouldBe((await File.ReadAllTextAsync("/etc/hostname")).TrimEnd());
        (await engine.WharfAsync("system", "check")).ShouldExit(0).Out.ShouldContain("all is well");
        Directory.Exists(engine.DataRoot).ShouldBeFalse("nothing is made at the old place");
    }
}
