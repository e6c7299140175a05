using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Commands of docker compose that look at a running project, follow it, or take something out of it.</summary>
public sealed class ComposeCommandTests(EngineFixture engine)
{
    private const string Application = """
        services:
          web:
            image: busybox
            init: true
            command: ["sh", "-c", "echo begun; echo trouble >&2; while [ ! -e /go ]; do sleep 0.1; done; echo gone; exit 3"]
            ports: ["127.0.0.1::80"]
          side:
            image: busybox
            init: true
            command: ["sleep", "1000"]
            scale: 2
        """;

    private async Task<ComposeProject> UpAsync()
    {
        var project = await ComposeProject.MakeAsync(engine, Application, ("given", "content\n"));
        var up = await project.ComposeAsync("up", "-d");
        up.ExitCode.ShouldBe(0, up.Error);
        return project;
    }

    private static async Task<string> OutAsync(ComposeProject project, params string[] command)
    {
        var result = await project.ComposeAsync(command);
        result.ExitCode.ShouldBe(0, result.Error);
        return result.Out;
    }

    [Fact]
    public async Task Logs_are_followed_until_the_service_ends_and_wait_tells_its_code()
    {
        await using var project = await UpAsync();
        var followed = project.ComposeAsync("logs", "--follow", "--no-log-prefix", "web");
        var waited = project.ComposeAsync("wait", "web");
        await Task.Delay(500); // both are at it, or begin now: the result is the same
        await OutAsync(project, "exec", "-T", "web", "touch", "/go");
        var logs = await followed;
        logs.ExitCode.ShouldBe(0, logs.Error);
        (logs.Out + logs.Error).Split('\n').Select(line => line.Trim()).Where(line => line is "begun" or "trouble" or "gone").ShouldBe(["begun", "trouble", "gone"], ignoreOrder: true, customMessage: logs.Out);
        var code = await waited;
        code.ExitCode.ShouldBe(3, code.Error);
        (await OutAsync(project, "ps", "--all", "--status", "exited", "--services")).Trim().ShouldBe("web");
        (await OutAsync(project, "logs", "--no-log-prefix", "--tail", "1", "web")).Trim().ShouldBe("gone");
    }

    [Fact]
    public async Task A_service_is_attached_to_and_its_end_is_the_clients()
    {
        await using var project = await UpAsync();
        var attached = project.ComposeAsync("attach", "--no-stdin", "web");
        await Task.Delay(1500); // attach shows what comes after it only
        await OutAsync(project, "exec", "-T", "web", "touch", "/go");
        var result = await attached;
        result.ExitCode.ShouldBe(3, result.Error);
        result.Out.ShouldContain("gone");
    }

    [Fact]
    public async Task Ports_processes_images_and_statistics_are_listed()
    {
        await using var project = await UpAsync();
        (await OutAsync(project, "port", "web", "80")).ShouldMatch(@"^127\.0\.0\.1:\d+\n$");
        (await OutAsync(project, "top", "side")).Split('\n').Count(line => line.Contains("sleep 1000", StringComparison.Ordinal)).ShouldBeGreaterThanOrEqualTo(2);
        (await OutAsync(project, "images", "--quiet")).Trim().ShouldNotBeEmpty();
        (await OutAsync(project, "stats", "--no-stream", "--format", "{{.Name}}")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(3);
        (await OutAsync(project, "ls", "--format", "json")).ShouldContain($"\"Name\":\"{project.Name}\",\"Status\":\"running(3)\"");
        (await OutAsync(project, "config", "--services")).Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["web", "side"], ignoreOrder: true);
    }

    [Fact]
    public async Task Files_go_in_and_out_and_a_service_is_exported_and_committed()
    {
        await using var project = await UpAsync();
        await OutAsync(project, "cp", "--index", "2", project.PathOf("given"), "side:/given");
        (await project.ComposeAsync("exec", "-T", "--index", "1", "side", "cat", "/given")).ExitCode.ShouldBe(1);
        await OutAsync(project, "cp", "--index", "2", "side:/given", project.PathOf("got"));
        (await File.ReadAllTextAsync(project.PathOf("got"))).ShouldBe("content\n");
        await OutAsync(project, "export", "--index", "2", "--output", project.PathOf("side.tar"), "side");
        (await CommandResult.RunAsync("tar", ["-xOf", project.PathOf("side.tar"), "given"])).ShouldExit(0).Out.ShouldBe("content\n");
        var image = project.Name + "-committed:1";
        await OutAsync(project, "commit", "--index", "2", "--author", "me", "side", image);
        try { (await engine.DockerAsync("run", "--rm", image, "cat", "/given")).ShouldExit(0).Out.ShouldBe("content\n"); }
        finally { (await engine.DockerAsync("rmi", image)).ShouldExit(0); }
    }

    [Fact]
    public async Task Events_of_the_project_are_told()
    {
        await using var project = await UpAsync();
        await OutAsync(project, "restart", "-t", "0", "web");
        var told = (await project.ComposeAsync("events", "--json", "--since", "10m", "--until", "-1s", "web")).Out; // compose calls the stream's end an error, and cuts times to seconds
        foreach (var action in (string[])["\"create\"", "\"start\"", "\"kill\"", "\"die\"", "\"restart\""]) told.ShouldContain("\"action\":" + action);
        told.ShouldNotContain("\"service\":\"side\"");
    }

    [Fact]
    [Covers("ContainerKill", "signal"), Covers("ContainerCreate")]
    public async Task One_off_runs_end_with_their_own_code_and_signals_are_sent()
    {
        await using var project = await UpAsync();
        (await project.ComposeAsync("run", "--rm", "-T", "side", "sh", "-c", "echo ran; exit 7")).ShouldExit(7).Out.ShouldBe("ran\n");
        (await project.ComposeAsync("run", "--rm", "-T", "--no-deps", "-e", "A=b", "-w", "/tmp", "-u", "33", "--entrypoint", "sh", "side", "-c", "echo $A $(pwd) $(id -u)")).ShouldExit(0).Out.ShouldBe("b /tmp 33\n");
        (await project.ComposeAsync("run", "--rm", "-T", "side", "no-such-program")).ExitCode.ShouldBe(127);
        (await OutAsync(project, "run", "-d", "--name", project.Name + "-one", "-p", "127.0.0.1::81", "side", "sleep", "600")).Trim().ShouldNotBeEmpty();
        (await engine.DockerAsync("port", project.Name + "-one", "81")).ShouldExit(0).Text.ShouldStartWith("127.0.0.1:");
        ComposeProject.Lines(await project.ComposeAsync("ps", "-q")).Count.ShouldBe(3, "a one-off is none of the service's");
        await OutAsync(project, "kill", "-s", "HUP", "side");
        for (int i = 0; i < 100 && ComposeProject.Lines(await project.ComposeAsync("ps", "-q", "--status", "running", "side")).Count > 1; i++) await Task.Delay(100);
        ComposeProject.Lines(await project.ComposeAsync("ps", "-a", "--status", "exited", "--format", "{{.Service}} {{.ExitCode}}")).ShouldBe(["side 129", "side 129", "side 129"], "the one-off is of the service as well");
    }

    [Fact]
    public async Task Configurations_volumes_and_versions_are_printed()
    {
        await using var project = await ComposeProject.MakeAsync(engine, Application + "\nvolumes:\n  kept: { labels: { a: \"${A:-b}\" } }\n");
        (await OutAsync(project, "config", "--hash", "web")).ShouldMatch("^web [0-9a-f]{64}\n$");
        (await OutAsync(project, "config", "--images")).ShouldBe("busybox\nbusybox\n");
        (await OutAsync(project, "config", "--variables")).ShouldMatch(@"A\s+false\s+b");
        (await OutAsync(project, "config", "--format", "json", "--no-consistency", "--quiet")).ShouldBe("");
        (await OutAsync(project, "version", "--short")).ShouldMatch(@"^\d+\.");
        (await OutAsync(project, "alpha", "viz")).ShouldContain("\"side\"");
        await OutAsync(project, "--all-resources", "up", "-d");
        (await OutAsync(project, "volumes", "--quiet")).ShouldBe(project.Name + "_kept\n");
        (await OutAsync(project, "images", "--format", "json")).ShouldContain($"\"ContainerName\":\"{project.Name}-web-1\",\"Repository\":\"busybox\",\"Tag\":\"latest\",\"Platform\":\"linux/");
        // Both command lines see the same project.
        if (!engine.IsWharf) return;
        var listed = await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["compose", "ls", "--format", "json"], environment: new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = DockerPlugins.Config(Path.Combine(engine.Root, "compose-config")) });
        listed.ShouldExit(0).Out.ShouldContain($"\"Name\":\"{project.Name}\",\"Status\":\"running(3)\"");
    }
}
