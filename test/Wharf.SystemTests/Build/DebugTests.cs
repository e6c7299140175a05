using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>The debugger of <c>docker buildx debug build</c>: containers over what a step that failed left, or over what a build made.</summary>
public sealed class DebugTests(EngineFixture engine) : IDisposable
{
    private const string Prompt = "(buildx) ", ToMonitor = "\u0001c";

    private readonly string _context = Directory.CreateTempSubdirectory("wharf-debug-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private Dialogue Debug(string dockerfile, string options, string more = "")
    {
        Buildx.Require("docker-buildx");
        File.WriteAllText(Path.Combine(_context, "Dockerfile"), dockerfile);
        return new Dialogue($"docker buildx debug {options} build --no-cache {more} {_context}", new Dictionary<string, string>
        {
            ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = Buildx.Config(engine), ["BUILDX_EXPERIMENTAL"] = "1", ["BUILDKIT_PROGRESS"] = "plain",
        });
    }

    [Fact]
    public async Task A_step_that_failed_is_looked_at_with_its_files_mounts_and_variables()
    {
        await File.WriteAllTextAsync(Path.Combine(_context, "f"), "of the context\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_context, "s"), "hush\n", TestContext.Current.CancellationToken);
        var id = "debug-" + Guid.NewGuid().ToString("n");
        using var debug = Debug($"""
            FROM busybox AS other
            RUN echo other > /o
            FROM busybox
            ENV WHO=nobody
            WORKDIR /w
            RUN echo before > before
            RUN --mount=target=/src --mount=from=other,source=/o,target=/other --mount=type=cache,id={id},target=/c --mount=type=secret,id=s --mount=type=tmpfs,target=/t echo half > half; echo kept > /c/kept; exit 3

            """, "--on=error", $"--secret id=s,src={_context}/s");
        await debug.ExpectAsync("did not complete successfully: exit code: 3");
        await debug.ExpectAsync("/ # ");
        await debug.AskAsync("echo $((40+2)) $(cat /w/before /w/half) $WHO", "42 before half nobody");
        await debug.AskAsync("echo $((40+3)) $(cat /src/f /other /c/kept /run/secrets/s)", "43 of the context other kept hush");
        await debug.AskAsync("echo $((40+4)) $(grep -c ' /t tmpfs' /proc/mounts) $(touch /other 2>&1)", "44 1 touch: /other: Read-only file system");
        await debug.AskAsync("exit 5", "exit code: 5");
        // Before the step there was the one, and not yet the other.
        await debug.AskAsync("rollback --init ls /w/before /w/half", "ls: /w/half: No such file or directory");
        await debug.ExpectAsync("exit code: 1");
        await debug.SayAsync("exit\n");
        (await debug.EndAsync()).ShouldBe(1);
        debug.ToString().ShouldContain("failed to build: failed to solve: process \"/bin/sh -c echo half > half;");
        await BuildLeftovers.NoneAsync(engine);
    }

    [Fact]
    public async Task Further_processes_join_the_container_and_see_what_the_first_did()
    {
        using var debug = Debug("FROM busybox\nRUN exit 3\n", "--on=error");
        await debug.ExpectAsync("/ # ");
        await debug.AskAsync("touch /made; echo $((40+2))", "42");
        await debug.SayAsync(ToMonitor);
        await debug.ExpectAsync(Prompt);
        await debug.AskAsync("exec ls /made", "\n/made");
        // A container of its own again has only what the step left.
        await debug.ExpectAsync("Switched IO");
        await debug.AskAsync("rollback ls /made", "ls: /made: No such file or directory");
        await debug.ExpectAsync("exit code: 1");
        await debug.SayAsync("exit\n");
        (await debug.EndAsync()).ShouldBe(1);
        await BuildLeftovers.NoneAsync(engine);
    }

    [Fact]
    public async Task What_a_build_made_is_looked_at_before_it_is_exported()
    {
        using var debug = Debug("FROM busybox\nENV WHO=me\nRUN echo made > /made\n", "--on=always", "-t debug-always");
        await debug.ExpectAsync("/ # ");
        await debug.AskAsync("echo $((40+2)) $(cat /made) $WHO; rm /made", "42 made me");
        await debug.AskAsync("exit", Prompt);
        await debug.SayAsync("exit\n");
        (await debug.EndAsync()).ShouldBe(0);
        (await engine.DockerAsync("run", "--rm", "debug-always", "cat", "/made")).ShouldExit(0).Text.ShouldBe("made");
        (await engine.DockerAsync("rmi", "debug-always")).ShouldExit(0);
        await BuildLeftovers.NoneAsync(engine);
    }

    [Fact]
    public async Task The_command_to_begin_with_is_the_callers_and_one_that_is_not_there_is_told()
    {
        using (var debug = Debug("FROM busybox\nRUN echo half > /half; exit 3\n", "--invoke 'entrypoint=cat,args=/half'"))
        {
            await debug.ExpectAsync("\nhalf");
            await debug.ExpectAsync(Prompt);
            await debug.SayAsync("exit\n");
            (await debug.EndAsync()).ShouldBe(1);
        }
        using (var debug = Debug("FROM busybox\nRUN exit 3\n", "--invoke /nowhere"))
        {
            await debug.ExpectAsync("runc run failed: unable to start container process: error during container init: exec: \"/nowhere\": stat /nowhere: no such file or directory");
            await debug.ExpectAsync("invoke: exit code: 1");
            await debug.SayAsync("exit\n");
            (await debug.EndAsync()).ShouldBe(1);
        }
    }
}
