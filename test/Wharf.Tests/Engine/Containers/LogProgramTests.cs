using Shouldly;
using Wharf.Engine.Containers.Config;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Xunit;

namespace Wharf.Tests.Engine.Containers;

public class LogProgramTests
{
    [Theory]
    [InlineData("binary:///usr/bin/logger", "/usr/bin/logger")]
    [InlineData("binary:///usr/bin/my%20logger?", "/usr/bin/my logger")]
    [InlineData("binary:///l?--driver=awslogs&-v&--a=1=2&--a=", "/l", "--driver", "awslogs", "-v", "", "--a", "1=2", "--a", "")]
    [InlineData("binary:///l?text=a+b%2Bc%26d", "/l", "text", "a b+c&d")]
    public void The_query_is_the_command_line(string driver, params string[] line) => LogProgram.Parse(driver).ShouldBe(line);

    [Theory]
    [InlineData("binary://")]
    [InlineData("binary:///")]
    [InlineData("binary://usr/bin/logger")]
    [InlineData("binary:///usr/bin/../bin/logger")]
    [InlineData("binary:///usr//bin/logger")]
    [InlineData("binary:///usr/bin/logger%00")]
    [InlineData("binary:///l?env.LD_PRELOAD=/x.so")]
    [InlineData("binary:///l?a=b&%65nv.X=1")]
    public void What_is_no_program_or_sets_its_environment_is_refused(string driver) =>
        Should.Throw<WharfException>(() => LogProgram.Parse(driver)).Kind.ShouldBe(ErrorKind.InvalidArgument);

    [Fact]
    public void Only_programs_that_are_named_are_allowed()
    {
        LogProgram.RequireAllowed("json-file", []);
        LogProgram.RequireAllowed(null, []);
        LogProgram.RequireAllowed("binary:///bin/logger?x", ["/bin/other", "/bin/logger"]);
        foreach (var allowed in (string[][])[[], ["/bin"], ["/bin/logger2"], ["/BIN/LOGGER"]])
            Should.Throw<WharfException>(() => LogProgram.RequireAllowed("binary:///bin/logger", allowed)).Message.ShouldContain("/bin/logger");
    }

    [Fact]
    public void Its_log_can_be_read_back_and_takes_the_options_of_what_keeps_it()
    {
        var log = new HostConfigLogConfig { Type = "binary:///bin/logger?-a", Config = new() { ["cache-max-size"] = "1m", ["mode"] = "non-blocking", ["max-buffer-size"] = "2m" } };
        LogRules.Check(log);
        var target = LogRules.Target(log, "/d", new ContainerConfig(), new Wharf.Specs.Shim.LogSource { ContainerId = "id" });
        (target.Driver, target.Path, target.MaxSize, target.DropBeyond).ShouldBe(("binary", "/d/container-cached.log", 1L << 20, 2L << 20));
        target.Program.ShouldBe(["/bin/logger", "-a", ""]);
        foreach (var option in (string[])["tag", "max-size", "env"])
            Should.Throw<WharfException>(() => LogRules.Check(log with { Config = new() { [option] = "1" } })).Message.ShouldContain($"unknown log opt '{option}'");
    }
}
