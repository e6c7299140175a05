using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Containers made by runc and crun (<c>--runtime NAME</c>): looked after as any other.</summary>
public sealed class OtherRuntimeTests
{
    private static async Task WithAsync(string name, Func<EngineFixture, string, Task> body)
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 }, "another daemon's configuration");
        var path = new[] { "/usr/sbin", "/usr/bin" }.Select(directory => $"{directory}/{name}").FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"{name} is not installed");
        var engine = new EngineFixture();
        await using (engine)
        {
            await engine.StartOwnAsync("--add-runtime", $"other={path}");
            (await engine.DockerAsync(BusyboxImage.Tar(), "import", "--change", "CMD [\"sh\"]", "-", "busybox:latest")).ShouldExit(0);
            var first = await engine.DockerAsync("run", "--rm", "--runtime", "other", "busybox", "true");
            Assert.SkipWhen(first.Error.Contains("cgroups in hybrid mode not supported"), $"{name} refuses this machine: v1 and v2 controllers are both mounted");
            first.ShouldExit(0);
            await body(engine, $"other={path}");
        }
    }

    [Theory, InlineData("runc"), InlineData("crun")]
    public async Task A_container_runs_to_its_end(string runtime) => await WithAsync(runtime, async (engine, option) =>
    {
        (await engine.DockerAsync("info", "-f", "{{(index .Runtimes \"other\").Path}}")).Text.ShouldEndWith(runtime);
        var result = (await engine.DockerAsync("run", "--name", "one", "--runtime", "other", "-m", "64m", "busybox", "sh", "-c", "hostname; echo err >&2; exit 5")).ShouldExit(5);
        result.Error.Trim().ShouldBe("err");
        (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.Runtime}} {{.State.Status}} {{.State.ExitCode}}", "one")).Text.ShouldBe("other exited 5");
        (await engine.DockerAsync("logs", "one")).Text.ShouldBe(result.Text);
        // The same again: the runtime has forgotten the first run.
        (await engine.DockerAsync("start", "-a", "one")).ShouldExit(5).Text.ShouldBe(result.Text);
        (await engine.DockerAsync("run", "--rm", "--runtime", "other", "busybox", "/no/such")).ExitCode.ShouldBe(127);
        (await engine.DockerAsync("run", "--rm", "--runtime", "nosuch", "busybox", "true")).ShouldExit(125).Error.ShouldContain("unknown or invalid runtime name: nosuch");
    });

    [Theory, InlineData("runc"), InlineData("crun")]
    public async Task It_is_looked_after_as_any_other(string runtime) => await WithAsync(runtime, async (engine, option) =>
    {
        (await engine.DockerAsync("run", "-dit", "--name", "term", "--runtime", "other", "busybox", "sh")).ShouldExit(0);
        (await engine.DockerAsync("exec", "term", "sh", "-c", "tty -s < /proc/1/fd/0 && echo terminal; hostname")).ShouldExit(0).Text.ShouldStartWith("terminal");
        await engine.KillDaemonAsync();
        await engine.StartDaemonAsync("--add-runtime", option);
        (await engine.DockerAsync("pause", "term")).ShouldExit(0);
        (await engine.DockerAsync("unpause", "term")).ShouldExit(0);
        (await engine.DockerAsync("top", "term")).ShouldExit(0).Text.ShouldContain("sh");
        (await engine.DockerAsync("stop", "-t", "0", "term")).ShouldExit(0);
        (await engine.DockerAsync("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "term")).Text.ShouldBe("exited 137");
        (await engine.DockerAsync("rm", "term")).ShouldExit(0);
    });
}
