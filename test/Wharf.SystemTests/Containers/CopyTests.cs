using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>cp by the real client; and that no link leads out of the container, however it is exchanged meanwhile.</summary>
public sealed class CopyTests(EngineFixture engine)
{
    private string NewDirectory() => Directory.CreateDirectory(Path.Combine(engine.Root, "cp-" + Guid.NewGuid().ToString("n")[..8])).FullName;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Directories_and_files_go_in_and_out_whether_it_runs_or_not(bool running)
    {
        await using var container = await RunningContainer.StartAsync(engine, ["-v", "/data"], "sleep", "1000");
        if (!running) (await engine.DockerAsync("kill", container.Id)).ShouldExit(0);
        var source = NewDirectory();
        Directory.CreateDirectory(Path.Combine(source, "sub"));
        await File.WriteAllTextAsync(Path.Combine(source, "sub", "file"), "content");
        File.CreateSymbolicLink(Path.Combine(source, "link"), "sub/file");
        (await engine.DockerAsync("cp", source + "/.", $"{container.Id}:/data")).ShouldExit(0);
        (await engine.DockerAsync("cp", Path.Combine(source, "sub"), $"{container.Id}:/tmp/new")).ShouldExit(0);
        var target = NewDirectory();
        (await engine.DockerAsync("cp", $"{container.Id}:/data/.", target)).ShouldExit(0);
        (await engine.DockerAsync("cp", $"{container.Id}:/tmp/new/file", Path.Combine(target, "copied"))).ShouldExit(0);
        (await File.ReadAllTextAsync(Path.Combine(target, "sub", "file"))).ShouldBe("content");
        (await File.ReadAllTextAsync(Path.Combine(target, "copied"))).ShouldBe("content");
        new FileInfo(Path.Combine(target, "link")).LinkTarget.ShouldBe("sub/file");
        (await engine.DockerAsync("cp", "-L", $"{container.Id}:/data/link", Path.Combine(target, "followed"))).ShouldExit(0);
        (await File.ReadAllTextAsync(Path.Combine(target, "followed"))).ShouldBe("content");
        (await engine.DockerAsync("cp", $"{container.Id}:/data/sub/file", "-")).ShouldExit(0).Out.ShouldContain("content");
        (await engine.DockerAsync("cp", $"{container.Id}:/nosuch", target)).ShouldExit(1).Error.ShouldContain("Could not find the file /nosuch in container");
    }

    [Fact]
    public async Task A_link_of_the_container_leads_nowhere_outside()
    {
        await using var container = await RunningContainer.StartAsync(engine, [], "sh", "-c", $"ln -s {engine.Root} /out; ln -s / /root/host; sleep 1000");
        var secret = Path.Combine(engine.Root, "secret-" + Guid.NewGuid().ToString("n")[..8]);
        await File.WriteAllTextAsync(secret, "of the host");
        (await engine.DockerAsync("cp", $"{container.Id}:/out/{Path.GetFileName(secret)}", "-")).ExitCode.ShouldNotBe(0);
        (await engine.DockerAsync("cp", secret, $"{container.Id}:/out/planted")).ExitCode.ShouldNotBe(0);
        File.Exists(Path.Combine(engine.Root, "planted")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_link_that_is_exchanged_all_the_time_never_leads_outside()
    {
        var victim = NewDirectory();
        await using var container = await RunningContainer.StartAsync(engine, [], "sh", "-c", $"mkdir -p /a/real; while :; do ln -s {victim} /a/x; rm /a/x; mkdir /a/x; rm -rf /a/x; done");
        var source = Path.Combine(NewDirectory(), "planted");
        await File.WriteAllTextAsync(source, "x");
        using var api = new ApiClient(engine);
        for (int i = 0; i < 15; i++) await engine.DockerAsync("cp", source, $"{container.Id}:/a/x/planted");
        Directory.GetFileSystemEntries(victim).ShouldBeEmpty();
    }
}
