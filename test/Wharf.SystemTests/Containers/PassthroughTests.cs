using System.Diagnostics;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>The log driver passthrough: a container writes to the streams of the <c>wharf</c> that starts it, with nothing between.</summary>
public sealed class PassthroughTests(EngineFixture engine) : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-passthrough-").FullName;
    private readonly string _name = "passing-" + Guid.NewGuid().ToString("n")[..8];

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>The command line in a shell whose streams are files.</summary>
    private Task<CommandResult> InShellAsync(string line) => CommandResult.RunAsync("sh", ["-c", $"exec >{_directory}/out 2>{_directory}/err </dev/null; {line}"], environment: new Dictionary<string, string>
    {
        ["W"] = Path.Combine(EngineFixture.Binaries, "wharf"), ["DOCKER_HOST"] = engine.Host, ["N"] = _name,
    });

    private string Written(string stream) => File.ReadAllText(Path.Combine(_directory, stream));

    private async Task<string> TargetAsync(int descriptor)
    {
        var pid = (await engine.DockerAsync("inspect", "-f", "{{.State.Pid}}", _name)).Text;
        return new FileInfo($"/proc/{pid}/fd/{descriptor}").LinkTarget!;
    }

    [Fact]
    public async Task The_process_has_the_caller_s_own_files_and_goes_on_writing_when_the_caller_and_the_daemon_s_client_are_gone()
    {
        Assert.SkipUnless(engine.IsWharf, "podman's driver, not docker's");
        try
        {
            (await InShellAsync("$W run -d --name $N --log-driver passthrough busybox sh -c 'echo one; echo wrong >&2; while [ ! -e /go ]; do sleep 0.1; done; echo two'")).ShouldExit(0);
            (await TargetAsync(1)).ShouldBe(Path.Combine(_directory, "out"));
            (await TargetAsync(2)).ShouldBe(Path.Combine(_directory, "err"));
            (await engine.DockerAsync("exec", _name, "touch", "/go")).ShouldExit(0);
            (await engine.DockerAsync("wait", _name)).Text.ShouldBe("0");
            // The client writes the ID to the same file.
            Written("out").Split('\n').ShouldBe([(await engine.DockerAsync("inspect", "-f", "{{.Id}}", _name)).Text, "one", "two", ""], ignoreOrder: true);
            Written("err").ShouldBe("wrong\n");
            var logs = await engine.DockerAsync("logs", _name);
            logs.ExitCode.ShouldBe(1);
            logs.Error.ShouldContain("does not support reading");
            Directory.GetFiles(Path.Combine(engine.ExecRoot, "streams")).ShouldBeEmpty("a socket serves once");
        }
        finally { await engine.DockerAsync("rm", "-f", _name); }
    }

    [Fact]
    public async Task Run_waits_and_tells_the_exit_code_and_start_hands_over_anew()
    {
        Assert.SkipUnless(engine.IsWharf, "podman's driver, not docker's");
        try
        {
            (await InShellAsync("$W run --name $N --log-driver passthrough busybox sh -c 'echo run; exit 3'")).ExitCode.ShouldBe(3);
            Written("out").ShouldBe("run\n");
            (await InShellAsync("$W start $N; $W wait $N")).ShouldExit(0);
            Written("out").Split('\n').ShouldBe(["run", _name, "3", ""], ignoreOrder: true);
            foreach (var verb in (string[])["start", "restart"])
            {
                var other = await engine.DockerAsync(verb, _name);
                other.ExitCode.ShouldBe(1);
                other.Error.ShouldContain("start it with wharf run or wharf start");
            }
        }
        finally { await engine.DockerAsync("rm", "-f", _name); }
    }

    [Fact]
    public async Task A_pipe_of_the_caller_s_ends_when_the_container_does()
    {
        Assert.SkipUnless(engine.IsWharf, "podman's driver, not docker's");
        try
        {
            var watch = Stopwatch.StartNew();
            (await InShellAsync("$W run --rm -d --name $N --log-driver passthrough busybox sh -c 'sleep 1; echo last' 2>&1 | tail -n 1")).ShouldExit(0);
            watch.Elapsed.TotalSeconds.ShouldBeGreaterThan(0.9);
            Written("out").ShouldBe("last\n");
        }
        finally { await engine.DockerAsync("rm", "-f", _name); }
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        Assert.SkipUnless(engine.IsWharf, "podman's driver, not docker's");
        using var api = new ApiClient(engine);
        foreach (var (members, reason) in ((string, string)[])
                 [
                     ("\"Tty\":true,\"HostConfig\":{\"LogConfig\":{\"Type\":\"passthrough\"}}", "terminal"),
                     ("\"HostConfig\":{\"LogConfig\":{\"Type\":\"passthrough\"},\"RestartPolicy\":{\"Name\":\"always\"}}", "restart policy"),
                     ("\"HostConfig\":{\"LogConfig\":{\"Type\":\"passthrough\",\"Config\":{\"tag\":\"x\"}}}", "unknown log opt 'tag'"),
                 ])
        {
            var (status, body) = await api.PostAsync("containers/create", "{\"Image\":\"busybox\"," + members + "}");
            status.ShouldBe(400);
            ((string)body!["message"]!).ShouldContain(reason);
        }
        var plain = await api.CreateAsync("\"Cmd\":[\"true\"]");
        (await api.PostAsync($"wharf/containers/{plain}/streams")).Status.ShouldBeOneOf(400, 404);
        await api.RemoveAsync(plain);
        var id = await api.CreateAsync("\"Cmd\":[\"true\"],\"HostConfig\":{\"LogConfig\":{\"Type\":\"passthrough\"}}");
        (await api.PostAsync($"containers/{id}/update", "{\"RestartPolicy\":{\"Name\":\"always\"}}")).Status.ShouldBe(400);
        (await api.PostAsync($"containers/{id}/attach?stream=1&stdout=1")).Status.ShouldBe(409);
        await api.RemoveAsync(id);
        (await CommandResult.RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), ["-H", "tcp://192.0.2.1:2375", "run", "--log-driver", "passthrough", "busybox", "true"])).ShouldExit(125).Error.ShouldContain("on this machine");
    }
}
