using System.Formats.Tar;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Tools in containers that have none.</summary>
public sealed class DebugTests(EngineFixture engine)
{
    private const string Image = "debug-bare:latest", Name = "debugged";
    private string _danglingBefore = "";

    private async Task<string> DanglingAsync() => (await engine.DockerAsync("images", "-q", "--filter", "dangling=true")).Out;

    /// <summary>An image with one program and no shell.</summary>
    private async Task MakeImageAsync()
    {
        _danglingBefore = await DanglingAsync();
        if ((await engine.DockerAsync("image", "inspect", Image)).ExitCode == 0) return;
        (await engine.DockerAsync(Tar(), "import", "--change", "ENTRYPOINT [\"/usr/bin/sleep\"]", "--change", "CMD [\"1000\"]", "--change", "USER 1234", "-", Image)).ShouldExit(0);
    }

    /// <summary>busybox under the name of one of its programs is that program.</summary>
    private static byte[] Tar()
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Ustar, leaveOpen: true))
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "usr/bin/sleep") { Mode = (UnixFileMode)0x1ed, DataStream = new MemoryStream(File.ReadAllBytes("/bin/busybox")) });
        return stream.ToArray();
    }

    private async Task RemoveAsync()
    {
        await engine.DockerAsync("rm", "-f", "-v", Name);
        await engine.DockerAsync("rmi", "-f", Image);
        (await engine.DockerAsync("ps", "-aq", "--filter", "label=wharf.debug")).Out.ShouldBe("");
        // What other tests left on this engine is theirs.
        (await DanglingAsync()).ShouldBe(_danglingBefore);
    }

    [Theory]
    [InlineData("private")]
    [InlineData("shareable")]
    public async Task A_running_container_is_looked_into_with_tools_it_has_not_got(string ipc)
    {
        Assert.SkipUnless(engine.IsWharf, "docker debug is not in the engine");
        try
        {
            await MakeImageAsync();
            (await engine.DockerAsync("run", "-d", "--name", Name, "--hostname", "bare", "--ipc", ipc, Image)).ShouldExit(0);
            (await engine.DockerAsync("exec", Name, "sh")).ExitCode.ShouldBe(127);
            var seen = (await engine.WharfAsync("debug", Name, "sh", "-c", "hostname; cat /proc/1/comm; ls /proc/1/root/usr/bin/sleep; for n in ipc net; do readlink /proc/1/ns/$n; readlink /proc/self/ns/$n; done | sort -u | wc -l; echo more > /proc/1/root/file")).ShouldExit(0);
            seen.Out.ShouldBe("bare\nsleep\n/proc/1/root/usr/bin/sleep\n2\n");
            (await engine.DockerAsync("diff", Name)).Out.ShouldContain("A /file");
            (await engine.WharfAsync("debug", "-e", "A=b", Name, "sh", "-c", "echo $A; exit 7")).ShouldExit(7).Out.ShouldBe("b\n");
            // The image's own command, a shell, reads what comes.
            (await engine.WharfAsync("echo hello\nexit 3\n"u8.ToArray(), "debug", Name)).ShouldExit(3).Out.ShouldBe("hello\n");
            (await engine.WharfAsync("debug", "no-such-container")).ShouldExit(1);
            (await engine.DockerAsync("inspect", "-f", "{{.State.Status}}", Name)).Text.ShouldBe("running");
        }
        finally { await RemoveAsync(); }
    }

    [Fact]
    public async Task A_stopped_container_is_looked_into_by_a_copy_of_its_files()
    {
        Assert.SkipUnless(engine.IsWharf, "docker debug is not in the engine");
        try
        {
            await MakeImageAsync();
            (await engine.DockerAsync("run", "-d", "--name", Name, "-v", "/data", Image)).ShouldExit(0);
            (await engine.WharfAsync("debug", Name, "sh", "-c", "echo written > /proc/1/root/file; echo kept > /proc/1/root/data/file")).ShouldExit(0);
            (await engine.DockerAsync("stop", "-t", "0", Name)).ShouldExit(0);
            var seen = (await engine.WharfAsync("debug", Name, "sh", "-c", "cat /proc/1/root/file /proc/1/root/data/file; rm /proc/1/root/file; touch /proc/1/root/data/more 2>&1; exit 5")).ShouldExit(5);
            seen.Out.ShouldStartWith("written\nkept\n");
            seen.Out.ShouldContain("Read-only file system");
            (await engine.DockerAsync("inspect", "-f", "{{.State.Status}}", Name)).Text.ShouldBe("exited");
            // What was done to the copy was done to the copy.
            (await engine.DockerAsync("diff", Name)).Out.ShouldContain("A /file");
        }
        finally { await RemoveAsync(); }
    }
}
