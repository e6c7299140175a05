using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>The history of a container's files: saved, listed, compared, gone back to, over the daemon's death.</summary>
public sealed class VersionTests(EngineFixture engine)
{
    [Fact]
    public async Task A_containers_files_go_back_to_a_saved_version_and_forth()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no versions of containers");
        const string name = "versions-web";
        (await engine.WharfAsync("run", "-d", "--name", name, "busybox", "sh", "-c", "trap exit TERM; while :; do sleep 0.1; done")).ShouldExit(0);
        try
        {
            (await ShAsync(name, "mkdir /data && echo one > /data/file && ln -s file /data/link && rm /etc/group")).ShouldExit(0);
            (await engine.WharfAsync("snapshot", "-m", "first", "-a", "Ann", name)).ShouldExit(0).Out.ShouldBe("1\n");
            (await engine.WharfAsync("snapshot", name)).ShouldExit(0).Out.ShouldBe("1\n", "nothing has changed");
            (await ShAsync(name, "echo two > /data/file && rm -r /root && mkdir -p /data/more && chown 5:6 /data/more")).ShouldExit(0);
            (await engine.WharfAsync("snapshot", "-m", "second", name)).ShouldExit(0).Out.ShouldBe("2\n");

            (await engine.WharfAsync("versions", "--format", "{{.Number}} {{.Author}} {{.Comment}}", name)).ShouldExit(0).Out.ShouldBe("2  second\n1 Ann first\n");
            (await engine.WharfAsync("diff", $"{name}@1", $"{name}@2")).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2])).ShouldBe(["C /data/file", "A /data/more", "D /root"], ignoreOrder: true);

            (await engine.WharfAsync("rollback", name, "1")).ShouldExit(0).Out.ShouldContain("version 1");
            (await ShAsync(name, "cat /data/link; ls -d /root; ls /data/more /etc/group; true")).ShouldExit(0).Out.ShouldBe("one\n/root\n");
            (await engine.DockerAsync("diff", name)).ShouldExit(0).Out.Split('\n').ShouldContain("D /etc/group");

            await engine.KillDaemonAsync();
            await engine.StartDaemonAsync();
            (await engine.WharfAsync("rollback", name, "2")).ShouldExit(0);
            (await ShAsync(name, "cat /data/file; stat -c %u:%g /data/more; ls -d /root; true")).ShouldExit(0).Out.ShouldBe("two\n5:6\n");
            (await engine.WharfAsync("rollback", name, "0")).ShouldExit(0);
            (await ShAsync(name, "ls -d /data; ls -d /root")).Out.ShouldBe("/root\n");
            (await engine.WharfAsync("rollback", name, "99")).Error.ShouldContain("has no version 99");
            (await engine.WharfAsync("versions", "--rm", "1", name)).ShouldExit(0);
            (await engine.WharfAsync("rollback", name, "1")).ExitCode.ShouldBe(1);
        }
        finally { (await engine.WharfAsync("rm", "-f", name)).ShouldExit(0); }
        var check = await engine.WharfAsync("system", "check");
        check.ShouldExit(0);
    }

    private Task<CommandResult> ShAsync(string container, string script) => engine.WharfAsync("exec", container, "sh", "-c", script);
}
