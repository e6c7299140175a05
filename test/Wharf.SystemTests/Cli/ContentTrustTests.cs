using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary>Who wants a notary's signatures verified must not get an image that nobody looked at.</summary>
public sealed class ContentTrustTests(EngineFixture engine)
{
    [Theory]
    [InlineData(1, "pull", "127.0.0.1:1/x")]
    [InlineData(1, "push", "busybox")]
    [InlineData(1, "build", "/nowhere")]
    [InlineData(1, "create", "busybox")]
    [InlineData(125, "run", "busybox", "true")]
    public async Task What_cannot_be_verified_is_refused(int code, string verb, params string[] arguments)
    {
        using var cli = new WharfCli(engine);
        (await cli.RunAsync([verb, "--disable-content-trust=false", .. arguments])).ShouldExit(code).Error.ShouldContain("content trust");
        cli.Environment["DOCKER_CONTENT_TRUST"] = "1";
        (await cli.RunAsync([verb, .. arguments])).ShouldExit(code).Error.ShouldContain("content trust");
    }

    [Fact]
    public async Task Whoever_turns_it_off_gets_the_image()
    {
        using var cli = new WharfCli(engine);
        cli.Environment["DOCKER_CONTENT_TRUST"] = "1";
        (await cli.RunAsync("run", "--rm", "--disable-content-trust", "--network", "none", "busybox", "echo", "seen")).ShouldExit(0).Text.ShouldBe("seen");
        cli.Environment["DOCKER_CONTENT_TRUST"] = "0";
        (await cli.RunAsync("run", "--rm", "--network", "none", "busybox", "echo", "seen")).ShouldExit(0).Text.ShouldBe("seen");
    }
}
