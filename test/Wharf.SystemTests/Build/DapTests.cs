using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>Builds in an editor's debugger: <c>docker buildx dap build</c>, which walks the graph of the build and has its steps built one by one.</summary>
public sealed class DapTests(EngineFixture engine) : IDisposable
{
    private const string Stages = """
        FROM busybox AS one
        ENV A=1
        RUN echo one > /one
        COPY f /f

        FROM scratch AS two
        COPY --from=one /one /two

        FROM busybox
        ARG WHO=me
        USER nobody
        RUN --mount=from=two,target=/m \
            test "$(cat /m/two)" = one
        COPY <<text /t
        of $WHO
        text
        WORKDIR /w
        """;

    private readonly string _context = Directory.CreateTempSubdirectory("wharf-dap-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private Dictionary<string, string> Environment => new() { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = Buildx.Config(engine), ["BUILDX_EXPERIMENTAL"] = "1" };

    private DapClient Debug(string dockerfile, params string[] options)
    {
        Buildx.Require("docker-buildx");
        File.WriteAllText(Path.Combine(_context, "Dockerfile"), dockerfile);
        File.WriteAllText(Path.Combine(_context, "f"), "of the context\n");
        return new DapClient(["buildx", "dap", "build", "--no-cache", .. options, _context], Environment);
    }

    private static string Told(DapStop stop) => string.Join(" < ", stop.Frames.Select(static frame => $"{frame.Line} {frame.Name}"));

    private static async Task<List<string>> WalkAsync(DapClient debug, string how)
    {
        var walked = new List<string>();
        for (var stop = await debug.StoppedAsync(); stop.Reason is { } reason; stop = await debug.GoAsync(how, stop))
        {
            reason.ShouldBe("step");
            walked.Add(Told(stop));
        }
        return walked;
    }

    [Fact]
    public async Task Next_goes_through_the_targets_steps_by_name_and_line()
    {
        using var debug = Debug(Stages);
        await debug.LaunchAsync(_context, stopOnEntry: true);
        (await WalkAsync(debug, "next")).ShouldBe(
        [
            "1 [one 1/3] FROM docker.io/library/busybox:latest",
            "13 [stage-2 2/4] RUN --mount=from=two,target=/m     test \"$(cat /m/two)\" = one",
            "16 [stage-2 3/4] COPY <<text /t",
            "17 [stage-2 4/4] WORKDIR /w",
            "17 [stage-2 4/4] WORKDIR /w",
        ]);
        (await debug.EndAsync()).ShouldBe(0);
        await BuildLeftovers.NoneAsync(engine);
    }

    [Fact]
    public async Task Step_in_goes_through_all_that_a_step_needs()
    {
        using var debug = Debug(Stages);
        await debug.LaunchAsync(_context, stopOnEntry: true);
        var walked = await WalkAsync(debug, "stepIn");
        const string Run = "13 [stage-2 2/4] RUN --mount=from=two,target=/m     test \"$(cat /m/two)\" = one", Copy = "7 [two 1/1] COPY --from=one /one /two", File = "4 [one 3/3] COPY f /f";
        walked[..10].ShouldBe(
        [
            "1 [one 1/3] FROM docker.io/library/busybox:latest",
            Run,
            $"{Copy} < {Run}",
            $"1 [one 1/3] FROM docker.io/library/busybox:latest < {Copy} < {Run}",
            $"3 [one 2/3] RUN echo one > /one < {Copy} < {Run}",
            $"{File} < {Copy} < {Run}",
            $"0 [internal] load build context < {File} < {Copy} < {Run}",
            $"0 [internal] load build context < {File} < {Copy} < {Run}",
            $"{File} < {Copy} < {Run}",
            $"{File} < {Copy} < {Run}",
        ]);
        walked.ShouldContain("0 [internal] preparing inline document < 16 [stage-2 3/4] COPY <<text /t");
        (await debug.EndAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_breakpoint_stops_before_its_step_and_shows_what_the_step_is_and_begins_with()
    {
        using var debug = Debug(Stages);
        await debug.LaunchAsync(_context, stopOnEntry: false, 3, 12);
        var stop = await debug.StoppedAsync();
        (stop.Reason, stop.Frames[0].Line).ShouldBe(("breakpoint", 3));
        (await debug.VariablesAsync(stop.Frames[0], "Arguments", "platform")).ShouldContainKeyAndValue("os", "linux");
        (await debug.VariablesAsync(stop.Frames[0], "Arguments", "exec", "args")).Values.ShouldBe(["/bin/sh", "-c", "echo one > /one"]);
        (await debug.VariablesAsync(stop.Frames[0], "Arguments", "exec", "env")).ShouldContainKeyAndValue("A", "1");
        var files = await debug.VariablesAsync(stop.Frames[0], "File Explorer");
        files.ShouldContainKey("bin/");
        files.ShouldNotContainKey("one");
        (await debug.VariablesAsync(stop.Frames[0], "File Explorer", "bin/", "sh"))["linkname"].ShouldEndWith("busybox");
        stop = await debug.GoAsync("continue", stop);
        (stop.Reason, stop.Frames[0].Line).ShouldBe(("breakpoint", 13));
        var exec = await debug.VariablesAsync(stop.Frames[0], "Arguments", "exec");
        exec.ShouldContainKeyAndValue("user", "nobody");
        exec.ShouldContainKeyAndValue("workdir", "/");
        (await debug.GoAsync("continue", stop)).Reason.ShouldBeNull();
        (await debug.EndAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_shell_runs_in_what_a_step_begins_with()
    {
        using var debug = Debug("FROM busybox\nENV WHO=me\nRUN echo one > /one\nRUN rm /one\n", "-t", "dap-shell");
        await debug.LaunchAsync(_context, stopOnEntry: false, 4);
        var stop = await debug.StoppedAsync();
        using (var shell = new Dialogue(string.Join(' ', await debug.ShellAsync(stop.Frames[0])), Environment))
        {
            await shell.ExpectAsync("Running /bin/sh in build container from line 4.");
            await shell.AskAsync("echo $((40+2)) $(cat /one); touch /made", "42 one");
            // The step begins without what the shell did.
            (await debug.GoAsync("continue", stop)).Reason.ShouldBeNull();
        }
        (await debug.EndAsync()).ShouldBe(0);
        (await engine.DockerAsync("run", "--rm", "dap-shell", "ls", "/one", "/made")).Error.ShouldContain("/made: No such file");
        (await engine.DockerAsync("rmi", "dap-shell")).ShouldExit(0);
        await BuildLeftovers.NoneAsync(engine);
    }

    [Fact]
    public async Task A_step_that_fails_is_stopped_in_with_the_files_it_began_with()
    {
        using var debug = Debug("FROM busybox\nRUN echo one > /one\nRUN --mount=type=tmpfs,target=/t --mount=type=cache,target=/c --mount=type=secret,id=s --mount=target=/src \\\n  echo two > /two; exit 3\nRUN true\n");
        await debug.LaunchAsync(_context, stopOnEntry: false);
        var stop = await debug.StoppedAsync();
        stop.Reason.ShouldBe("exception");
        Told(stop).ShouldStartWith("4 [stage-0 3/4] RUN --mount=type=tmpfs,target=/t ");
        var files = await debug.VariablesAsync(stop.Frames[0], "File Explorer");
        files.ShouldContainKey("one");
        files.ShouldNotContainKey("two");
        (await debug.VariablesAsync(stop.Frames[0], "File Explorer", "one"))["data"].ShouldBe("one\n");
        (await debug.GoAsync("continue", stop)).Reason.ShouldBeNull();
        (await debug.EndAsync()).ShouldBe(1);
        await BuildLeftovers.NoneAsync(engine);
    }

    [Fact]
    public async Task An_editor_that_is_closed_ends_the_build()
    {
        var marker = Guid.NewGuid().ToString("n");
        using (var debug = Debug($"FROM busybox\nRUN echo {marker} > /one\nRUN echo never\n"))
        {
            await debug.LaunchAsync(_context, stopOnEntry: false, 3);
            var stop = await debug.StoppedAsync();
            stop.Reason.ShouldBe("breakpoint");
            await debug.ShellAsync(stop.Frames[0]);
            (await debug.VariablesAsync(stop.Frames[0], "File Explorer", "one"))["data"].ShouldBe(marker + "\n");
        }
        await BuildLeftovers.NoneAsync(engine);
        // Nothing of it stands in the way of the next one.
        using var again = Debug($"FROM busybox\nRUN echo {marker} > /one\n");
        await again.LaunchAsync(_context, stopOnEntry: false);
        (await again.StoppedAsync()).Reason.ShouldBeNull();
        (await again.EndAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Each_platform_is_a_thread()
    {
        using var debug = Debug("FROM scratch\nCOPY f /f\n", "--platform", "linux/amd64,linux/arm64", "-o", $"type=oci,dest={_context}/out.tar");
        if (!engine.IsWharf) Assert.Skip("docker's driver builds for several platforms with containerd's image store alone");
        await debug.LaunchAsync(_context, stopOnEntry: true);
        var stops = new[] { await debug.StoppedAsync(), await debug.StoppedAsync() };
        stops.Select(static stop => Told(stop)).Order().ShouldBe(["2 [linux/amd64 1/1] COPY f /f", "2 [linux/arm64 1/1] COPY f /f"]);
        stops[0].Thread.ShouldNotBe(stops[1].Thread);
        foreach (var stop in stops) await debug.AskAsync("continue", new() { ["threadId"] = stop.Thread });
        (await debug.StoppedAsync()).Reason.ShouldBeNull();
        (await debug.EndAsync()).ShouldBe(0);
    }
}
