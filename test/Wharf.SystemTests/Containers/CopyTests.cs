using System.Formats.Tar;
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

    [Theory]
    [InlineData("created")]
    [InlineData("running")]
    [InlineData("stopped")]
    public async Task What_goes_below_a_mount_goes_into_it_and_comes_out_of_it(string state)
    {
        var name = "cp-" + Guid.NewGuid().ToString("n")[..8];
        var (bound, read, source, target) = (NewDirectory(), NewDirectory(), NewDirectory(), NewDirectory());
        await File.WriteAllTextAsync(Path.Combine(bound, "kept"), "kept");
        await File.WriteAllTextAsync(Path.Combine(read, "old"), "old");
        foreach (var place in (string[])["vol/inner", "bound"]) Directory.CreateDirectory(Path.Combine(source, place));
        foreach (var file in (string[])["vol/a", "vol/inner/b", "bound/c"]) await File.WriteAllTextAsync(Path.Combine(source, file), file);
        File.CreateSymbolicLink(Path.Combine(source, "toward"), "/bound");
        (await engine.DockerAsync("create", "--name", name, "-v", $"{name}:/vol", "-v", $"{name}-inner:/vol/inner", "-v", $"{bound}:/bound", "-v", $"{read}:/read:ro", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            if (state != "created") (await engine.DockerAsync("start", name)).ShouldExit(0);
            if (state == "stopped") (await engine.DockerAsync("kill", name)).ShouldExit(0);
            (await engine.DockerAsync("cp", source + "/.", $"{name}:/")).ShouldExit(0);
            (await SeenAsync(name, "a")).ShouldBe("vol/a");
            (await SeenAsync(name + "-inner", "b")).ShouldBe("vol/inner/b");
            (await File.ReadAllTextAsync(Path.Combine(bound, "c"))).ShouldBe("bound/c");
            (await engine.DockerAsync("cp", Path.Combine(source, "vol", "a"), $"{name}:/toward/through")).ShouldExit(0);
            (await File.ReadAllTextAsync(Path.Combine(bound, "through"))).ShouldBe("vol/a");
            (await engine.DockerAsync("diff", name)).ShouldExit(0).Out.ShouldNotContain("/vol/a"); // nothing lies hidden below the mounts

            (await engine.DockerAsync("cp", $"{name}:/.", target)).ShouldExit(0);
            foreach (var file in (string[])["vol/a", "vol/inner/b", "bound/c"]) (await File.ReadAllTextAsync(Path.Combine(target, file))).ShouldBe(file);
            (await File.ReadAllTextAsync(Path.Combine(target, "read", "old"))).ShouldBe("old");

            var refused = NewDirectory();
            Directory.CreateDirectory(Path.Combine(refused, "read"));
            await File.WriteAllTextAsync(Path.Combine(refused, "read", "new"), "new");
            (await engine.DockerAsync("cp", refused + "/.", $"{name}:/")).ShouldExit(1).Error.ShouldContain("read-only");
            Directory.GetFileSystemEntries(read).Length.ShouldBe(1);
            if (!engine.IsWharf) return; // docker empties what is mounted before it fails
            using var api = new EngineApi(engine.SocketPath);
            (await api.PutTarAsync($"/containers/{name}/archive?path=/", FileNamed("bound"))).Status.ShouldBe(409);
            (await File.ReadAllTextAsync(Path.Combine(bound, "kept"))).ShouldBe("kept");
        }
        finally
        {
            await engine.DockerAsync("rm", "-f", name);
            (await engine.DockerAsync("volume", "rm", name, name + "-inner")).ShouldExit(0);
        }
    }

    [Theory]
    [InlineData(100, 409)]
    [InlineData(2100, 409)]
    [InlineData(0, 200)]
    public async Task A_directory_is_not_replaced_when_something_is_mounted_in_it_or_may_be_however_deep(int depth, int status)
    {
        if (!engine.IsWharf) return; // docker empties what is mounted before it fails
        var name = "cp-deep-" + depth;
        var bound = NewDirectory();
        await File.WriteAllTextAsync(Path.Combine(bound, "kept"), "kept");
        // A place to mount on has a path; below it a directory may lie deeper than any path.
        string[] mount = depth == 100 ? ["-v", $"{bound}:/deep{string.Concat(Enumerable.Repeat("/d", depth))}"] : [];
        (await engine.DockerAsync(["run", "-d", "--name", name, .. mount, "busybox", "sh", "-c", $"mkdir -p /deep && cd /deep && i=0; while [ $i -lt {depth} ]; do mkdir -p d; cd -P d; i=$((i+1)); done; touch /done; exec sleep 1000"])).ShouldExit(0);
        try
        {
            for (int i = 0; i < 600 && (await engine.DockerAsync("exec", name, "ls", "/done")).ExitCode != 0; i++) await Task.Delay(50);
            using var api = new EngineApi(engine.SocketPath);
            (await api.PutTarAsync($"/containers/{name}/archive?path=/", FileNamed("deep"))).Status.ShouldBe(status);
            (await engine.DockerAsync("exec", name, "test", "-d", "/deep")).ExitCode.ShouldBe(status == 200 ? 1 : 0);
            (await File.ReadAllTextAsync(Path.Combine(bound, "kept"))).ShouldBe("kept");
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
    }

    private static byte[] FileNamed(string name)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Pax, leaveOpen: true)) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name));
        return bytes.ToArray();
    }

    private async Task<string> SeenAsync(string volume, string file) => (await engine.DockerAsync("run", "--rm", "-v", $"{volume}:/v", "busybox", "cat", "/v/" + file)).ShouldExit(0).Text;

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
