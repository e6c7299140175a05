using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.MainJob;

/// <summary>What a user types first, with the real docker client: run, exec, logs, cp and the rest, their output and exit codes.</summary>
public sealed class RunTests(EngineFixture engine)
{
    [Fact]
    public async Task Run_prints_what_the_program_prints() =>
        (await engine.DockerAsync("run", "--rm", "busybox", "echo", "hi")).ShouldExit(0).Out.ShouldBe("hi\n");

    [Theory]
    [InlineData(0, "true")]
    [InlineData(7, "sh", "-c", "exit 7")]
    [InlineData(126, "/etc/passwd")]
    [InlineData(127, "/no/such/program")]
    public async Task Run_ends_with_the_code_of_the_program(int code, params string[] command) =>
        (await engine.DockerAsync(["run", "--rm", "busybox", .. command])).ShouldExit(code);

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        var result = (await engine.DockerAsync("run", "--rm", "busybox", "nothere")).ShouldExit(127);
        result.Error.ShouldContain("exec: \"nothere\": executable file not found in $PATH");
        (await engine.DockerAsync("run", "--rm", "busybox", "/etc/passwd")).ShouldExit(126).Error.ShouldContain("permission denied");
        (await engine.DockerAsync("run", "--rm", "busybox", "/etc")).ShouldExit(126).Error.ShouldContain("exec: \"/etc\": is a directory: permission denied");
    }

    [Fact]
    public async Task An_image_that_is_nowhere_is_told_with_125()
    {
        var result = (await engine.DockerAsync("run", "--rm", "127.0.0.1:1/no/such:image", "true")).ShouldExit(125);
        result.Error.ShouldContain("Unable to find image '127.0.0.1:1/no/such:image' locally");
        (await engine.DockerAsync("run", "--no-such-flag", "busybox")).ShouldExit(125).Error.ShouldContain("unknown flag: --no-such-flag");
    }

    [Fact]
    public async Task Standard_input_reaches_the_program_and_its_end_too() =>
        (await engine.DockerAsync("one\ntwo\n"u8.ToArray(), "run", "--rm", "-i", "busybox", "wc", "-l")).ShouldExit(0).Text.ShouldBe("2");

    [Fact]
    public async Task Output_and_error_stay_apart()
    {
        var result = (await engine.DockerAsync("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")).ShouldExit(0);
        result.Out.ShouldBe("out\n");
        result.Error.ShouldBe("err\n");
    }

    [Fact]
    public async Task A_terminal_is_a_terminal_for_run_and_for_exec()
    {
        var run = await TerminalAsync("run --rm -it busybox sh -c 'tty; stty size; echo in $TERM'");
        run.ShouldExit(0).Out.ShouldContain("/dev/pts/0");
        run.Out.ShouldContain("24 80");
        run.Out.ShouldContain("in xterm");
        await using var container = await StartAsync("sleep", "1000");
        var exec = await TerminalAsync($"exec -it {container.Id} sh -c 'tty; exit 5'");
        exec.ShouldExit(5).Out.ShouldContain("/dev/pts/");
    }

    [Fact]
    public async Task Exec_has_a_user_a_directory_an_environment_and_a_code()
    {
        await using var container = await StartAsync("sleep", "1000");
        var result = await engine.DockerAsync("exec", "-u", "nobody", "-w", "/tmp", "-e", "A=b c", container.Id, "sh", "-c", "id -un; pwd; echo $A; exit 3");
        result.ShouldExit(3).Out.ShouldBe("nobody\n/tmp\nb c\n");
        (await engine.DockerAsync("exec", container.Id, "nothere")).ShouldExit(127).Out.ShouldContain("executable file not found in $PATH");
        (await engine.DockerAsync("exec", container.Id, "/etc")).ShouldExit(126).Out.ShouldContain("exec: \"/etc\": is a directory: permission denied");
        (await engine.DockerAsync("exec", "-w", "not/absolute", container.Id, "true")).ShouldExit(128).Out.ShouldContain("exec failed: Cwd must be an absolute path");
        (await engine.DockerAsync("exec", "-i", container.Id, "cat")).ShouldExit(0);
    }

    [Fact]
    public async Task Logs_follow_until_the_container_ends()
    {
        await using var container = await StartAsync("sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo bad >&2");
        var logs = (await engine.DockerAsync("logs", "-f", container.Id)).ShouldExit(0);
        logs.Out.ShouldBe("line 1\nline 2\nline 3\n");
        logs.Error.ShouldBe("bad\n");
        (await engine.DockerAsync("logs", "--tail", "1", container.Id)).ShouldExit(0).Error.ShouldBe("bad\n");
        (await engine.DockerAsync("logs", "-t", container.Id)).Out.Split('\n')[0].ShouldMatch(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 1$");
    }

    [Fact]
    public async Task Files_are_copied_in_and_out()
    {
        await using var container = await StartAsync("sleep", "1000");
        var source = Path.Combine(engine.Root, "copied-" + container.Id[..12]);
        await File.WriteAllTextAsync(source, "carried\n");
        (await engine.DockerAsync("cp", source, $"{container.Id}:/tmp/there")).ShouldExit(0);
        (await engine.DockerAsync("exec", container.Id, "cat", "/tmp/there")).ShouldExit(0).Out.ShouldBe("carried\n");
        (await engine.DockerAsync("cp", $"{container.Id}:/tmp/there", source + ".back")).ShouldExit(0);
        (await File.ReadAllTextAsync(source + ".back")).ShouldBe("carried\n");
        (await engine.DockerAsync("cp", $"{container.Id}:/no/such", source)).ShouldExit(1).Error.ShouldContain("Could not find the file /no/such in container");
        (await engine.DockerAsync("diff", container.Id)).ShouldExit(0).Out.ShouldBe("C /tmp\nA /tmp/there\n");
    }

    [Fact]
    public async Task A_container_is_stopped_started_paused_renamed_killed_and_removed()
    {
        await using var container = await StartAsync("sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done");
        (await StateAsync(container.Id)).ShouldBe("running 0");
        (await engine.DockerAsync("pause", container.Id)).ShouldExit(0);
        (await StateAsync(container.Id)).ShouldBe("paused 0");
        (await engine.DockerAsync("exec", container.Id, "true")).ShouldExit(1).Error.ShouldContain("is paused, unpause the container before exec");
        (await engine.DockerAsync("unpause", container.Id)).ShouldExit(0);
        (await engine.DockerAsync("stop", container.Id)).ShouldExit(0);
        (await StateAsync(container.Id)).ShouldBe("exited 9");
        (await engine.DockerAsync("start", container.Id)).ShouldExit(0);
        (await engine.DockerAsync("restart", "-t", "5", container.Id)).ShouldExit(0);
        (await engine.DockerAsync("top", container.Id)).ShouldExit(0).Out.ShouldContain("while :");
        var name = "renamed-" + container.Id[..12];
        (await engine.DockerAsync("rename", container.Id, name)).ShouldExit(0);
        (await engine.DockerAsync("rm", name)).ShouldExit(1).Error.ShouldContain("container is running");
        (await engine.DockerAsync("kill", "-s", "KILL", name)).ShouldExit(0);
        (await engine.DockerAsync("wait", name)).ShouldExit(0).Text.ShouldBe("137");
        (await engine.DockerAsync("ps", "-a", "--filter", $"name={name}", "--format", "{{.Names}} {{.Status}}")).Text.ShouldStartWith($"{name} Exited (137)");
        (await engine.DockerAsync("rm", name)).ShouldExit(0);
        (await engine.DockerAsync("inspect", name)).ShouldExit(1).Error.ShouldContain("No such object: " + name);
    }

    [Fact]
    public async Task Limits_and_isolation_hold_inside()
    {
        var result = await engine.DockerAsync("run", "--rm", "--memory", "64m", "--pids-limit", "32", "--cpus", "0.5", "--read-only", "--hostname", "inside", "busybox", "sh", "-c",
            "hostname; echo $$; grep -c . /proc/mounts >/dev/null; touch /x 2>&1; cat /proc/kcore | wc -c; grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status; grep CapEff /proc/self/status");
        result.ShouldExit(0);
        var lines = result.Out.Split('\n');
        lines[0].ShouldBe("inside");
        lines[1].ShouldBe("1");
        lines[2].ShouldContain("Read-only file system");
        lines[3].ShouldBe("0");
        result.Out.ShouldContain("Seccomp:\t2");
        result.Out.ShouldContain("CapEff:\t00000000a80425fb");
        (await engine.DockerAsync("run", "--rm", "--memory", "16m", "busybox", "sh", "-c", "head -c 64m /dev/zero | tail")).ShouldExit(137);
    }

    [Fact]
    public async Task An_init_reaps_and_passes_signals_on()
    {
        await using var container = await StartAsync(["--init"], "sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.1; done");
        (await engine.DockerAsync("exec", container.Id, "cat", "/proc/1/cmdline")).Out.ShouldContain("init");
        (await engine.DockerAsync("stop", container.Id)).ShouldExit(0);
    }

    private Task<CommandResult> TerminalAsync(string arguments) => CommandResult.RunAsync("script", ["-qec", $"stty rows 24 cols 80; docker {arguments}", "/dev/null"], null, 60,
        new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["TERM"] = "xterm" });

    private async Task<string> StateAsync(string id) => (await engine.DockerAsync("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", id)).ShouldExit(0).Text;

    private Task<RunningContainer> StartAsync(params string[] command) => RunningContainer.StartAsync(engine, [], command);
    private Task<RunningContainer> StartAsync(string[] options, params string[] command) => RunningContainer.StartAsync(engine, options, command);
}
