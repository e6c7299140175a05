using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>Wrong values on the command line: wharf's exit code and message are those of docker's own client at the same engine.</summary>
public sealed class WrongArgumentTests(EngineFixture engine)
{
    [Theory]
    [InlineData("create --dns-search a_b busybox")]
    [InlineData("create --dns-search a..b busybox")]
    [InlineData("run --dns-search 1.2 busybox")]
    [InlineData("create --link a:b:c busybox")]
    [InlineData("network connect --link a:b:c bridge x")]
    [InlineData("create -v a:/b: busybox")]
    [InlineData("create -v /a:/b:ro,z:x busybox")]
    [InlineData("run -v bo=gus:1:2:3 busybox")]
    [InlineData("create -m 1.2.3m busybox")]
    [InlineData("create -m 1e3 busybox")]
    [InlineData("create --shm-size x busybox")]
    [InlineData("create --platform a/b/c/d busybox")]
    [InlineData("run --platform a/b/c/d busybox")]
    [InlineData("create --pull sometimes busybox")]
    [InlineData("create bo=gus:1")]
    [InlineData("run a:b:c")]
    [InlineData("tag busybox a:b:c")]
    [InlineData("tag busybox BAD")]
    [InlineData("pull a:b:c")]
    [InlineData("push BAD")]
    [InlineData("ps --filter name=no-such-container --format {{.Nope}}")]
    [InlineData("update no-such-container also-none")]
    public async Task What_is_wrong_is_told_as_docker_tells_it(string line)
    {
        var words = line.Split(' ');
        var (theirs, ours) = (await engine.DockerAsync(words), await engine.WharfAsync(words));
        theirs.ExitCode.ShouldNotBe(0, line);
        ours.ExitCode.ShouldBe(theirs.ExitCode, ours.Error);
        // The help that follows is each one's own.
        First(ours).Replace("wharf", "docker", StringComparison.Ordinal).ShouldBe(First(theirs));
    }

    [Theory]
    [InlineData("a:b:c")]
    [InlineData("a@b")]
    [InlineData("a/")]
    public async Task A_build_is_not_begun_for_a_name_that_cannot_be_one(string name)
    {
        var refused = (await engine.WharfAsync("build", "-t", name, ".")).ShouldExit(125);
        First(refused).ShouldBe($"invalid argument \"{name}\" for \"-t, --tag\" flag: invalid reference format");
    }

    private static string First(CommandResult result) => result.Error.Split('\n')[0];
}
