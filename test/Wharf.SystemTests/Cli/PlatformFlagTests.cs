using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary><c>--platform</c> of the image commands: read by the command line, as docker's does, before the daemon is asked.</summary>
public sealed class PlatformFlagTests(EngineFixture engine)
{
    [Theory]
    [InlineData("history --platform a/b/c/d nosuch", "invalid platform: \"a/b/c/d\": cannot parse platform specifier: invalid argument")]
    [InlineData("history --platform foo nosuch", "invalid platform: \"foo\": unknown operating system or architecture: invalid argument")]
    [InlineData("save --platform linux/ nosuch", "invalid platform: \"\" is an invalid component of \"linux/\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument")]
    [InlineData("push --platform a/b/c/d nosuch", "Invalid platform a/b/c/d\"a/b/c/d\": cannot parse platform specifier: invalid argument")]
    [InlineData("rmi --platform a/b,c/d/e/f nosuch", "\"c/d/e/f\": cannot parse platform specifier: invalid argument")]
    [InlineData("image inspect --platform a/b/c/d nosuch", "\"a/b/c/d\": cannot parse platform specifier: invalid argument")]
    public async Task What_cannot_be_read_is_refused(string line, string error)
    {
        using var cli = new WharfCli(engine);
        var refused = await cli.RunAsync(line.Split(' '));
        refused.ShouldExit(1).Error.Trim().ShouldBe(error);
        refused.Out.ShouldBeEmpty();
    }

    [Fact]
    public async Task Other_names_of_an_architecture_are_known()
    {
        using var cli = new WharfCli(engine);
        (await cli.RunAsync("history", "-q", "--platform", "Linux/x86_64", "busybox")).ShouldExit(0).Text.ShouldNotBeEmpty();
        (await cli.RunAsync("image", "inspect", "--platform", "x86_64", "-f", "{{.Architecture}}", "busybox")).ShouldExit(0).Text.ShouldBe("amd64");
        var size = await cli.RunAsync("inspect", "-s", "-f", "{{.Os}}", "busybox");
        (size.ShouldExit(0).Text, size.Error.Trim()).ShouldBe(("linux", "WARNING: --size ignored for image"));
    }
}
