using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>States and what may be done in each, with the statuses and messages that clients match on.</summary>
public sealed class LifeCycleTests(EngineFixture engine)
{
    private async Task WithContainerAsync(string members, Func<ApiClient, string, Task> body)
    {
        using var api = new ApiClient(engine);
        var id = await api.CreateAsync(members);
        try { await body(api, id); }
        finally { await api.RemoveAsync(id); }
    }

    private static async Task ShouldBeAsync(ApiClient api, string path, int status, string? message = null)
    {
        var answer = await api.PostAsync(path);
        answer.Status.ShouldBe(status, path);
        if (message is not null) ((string)answer.Body!["message"]!).ShouldContain(message);
    }

    [Fact]
    public async Task Each_state_allows_what_docker_allows() => await WithContainerAsync("\"Cmd\":[\"sleep\",\"1000\"]", async (api, id) =>
    {
        await ShouldBeAsync(api, $"containers/{id}/pause", 409, "is not running");
        await ShouldBeAsync(api, $"containers/{id}/kill", 409, "is not running");
        await ShouldBeAsync(api, $"containers/{id}/stop", 304);
        await ShouldBeAsync(api, $"containers/{id}/start", 204);
        await ShouldBeAsync(api, $"containers/{id}/start", 304);
        await ShouldBeAsync(api, $"containers/{id}/unpause", engine.IsWharf ? 409 : 500, "is not paused");
        await ShouldBeAsync(api, $"containers/{id}/pause", 204);
        await ShouldBeAsync(api, $"containers/{id}/pause", 409, "is already paused");
        await ShouldBeAsync(api, $"containers/{id}/start", 409, "cannot start a paused container");
        (await api.SendAsync(HttpMethod.Delete, $"containers/{id}")).Status.ShouldBe(409);
        await ShouldBeAsync(api, $"containers/{id}/unpause", 204);
        (await api.SendAsync(HttpMethod.Delete, $"containers/{id}")).Status.ShouldBe(409);
        await ShouldBeAsync(api, $"containers/{id}/kill?signal=NOPE", 400, "invalid signal: NOPE");
        await ShouldBeAsync(api, $"containers/{id}/kill", 204);
        await ShouldBeAsync(api, $"containers/{id}/stop", 304);
        (await api.SendAsync(HttpMethod.Delete, $"containers/{id}")).Status.ShouldBe(204);
        await ShouldBeAsync(api, $"containers/{id}/start", 404, "No such container");
    });

    [Fact]
    public async Task Checkpoints_are_refused_and_nothing_starts() => await WithContainerAsync("\"Cmd\":[\"sleep\",\"1000\"]", async (api, id) =>
    {
        await ShouldBeAsync(api, $"containers/{id}/start?checkpoint=x", 400, "checkpoint is only supported in experimental mode");
        await ShouldBeAsync(api, $"containers/{id}/start?checkpoint-dir=/x", 403, "custom checkpointdir is not supported");
        const string Disabled = "This experimental feature is disabled by default";
        await ShouldBeAsync(api, $"containers/{id}/checkpoints", 501, Disabled);
        foreach (var (method, path) in new[] { (HttpMethod.Get, "checkpoints"), (HttpMethod.Delete, "checkpoints/x") })
        {
            var answer = await api.SendAsync(method, $"containers/{id}/{path}");
            answer.Status.ShouldBe(501, path);
            ((string)answer.Body!["message"]!).ShouldStartWith(Disabled);
        }
        ((string)(await api.GetAsync($"containers/{id}/json")).Body!["State"]!["Status"]!).ShouldBe("created");
    });

    [Fact]
    public async Task A_run_leaves_its_code_and_times() => await WithContainerAsync("\"Cmd\":[\"sh\",\"-c\",\"sleep 0.2; exit 7\"]", async (api, id) =>
    {
        await ShouldBeAsync(api, $"containers/{id}/start", 204);
        var (_, exit) = await api.PostAsync($"containers/{id}/wait");
        ((int)exit!["StatusCode"]!).ShouldBe(7);
        var state = (await api.GetAsync($"containers/{id}/json")).Body!["State"]!;
        ((string)state["Status"]!).ShouldBe("exited");
        ((int)state["ExitCode"]!).ShouldBe(7);
        ((int)state["Pid"]!).ShouldBe(0);
        var ran = DateTimeOffset.Parse((string)state["FinishedAt"]!) - DateTimeOffset.Parse((string)state["StartedAt"]!);
        ran.TotalSeconds.ShouldBeInRange(0.15, 20);
    });

    [Fact]
    public async Task Wait_tells_the_next_exit_and_the_removal() => await WithContainerAsync("\"Cmd\":[\"sh\",\"-c\",\"exit 3\"]", async (api, id) =>
    {
        var next = api.PostAsync($"containers/{id}/wait?condition=next-exit");
        var removed = api.PostAsync($"containers/{id}/wait?condition=removed");
        ((int)(await api.PostAsync($"containers/{id}/wait?condition=not-running")).Body!["StatusCode"]!).ShouldBe(0);
        await Task.Delay(200);
        await ShouldBeAsync(api, $"containers/{id}/start", 204);
        ((int)(await next).Body!["StatusCode"]!).ShouldBe(3);
        removed.IsCompleted.ShouldBeFalse();
        await api.RemoveAsync(id);
        ((int)(await removed).Body!["StatusCode"]!).ShouldBe(3);
        (await api.PostAsync($"containers/{id}/wait?condition=nonsense")).Status.ShouldBeOneOf(400, 404);
    });

    [Fact]
    public async Task Names_are_unique_and_can_be_changed() => await WithContainerAsync("\"Cmd\":[\"true\"]", async (api, id) =>
    {
        var name = "life-" + id[..8];
        await ShouldBeAsync(api, $"containers/{id}/rename?name={name}", 204);
        (await api.PostAsync($"containers/create?name={name}", """{"Image":"busybox"}""")).Status.ShouldBe(409);
        await ShouldBeAsync(api, $"containers/{name}/rename?name={name}", 400, "same name");
        await ShouldBeAsync(api, $"containers/{name}/rename?name=a:b", 400, "Invalid container name");
        await ShouldBeAsync(api, $"containers/{name}/rename?name=", 400, "may be empty");
        ((string)(await api.GetAsync($"containers/{name}/json")).Body!["Name"]!).ShouldBe("/" + name);
        (await api.GetAsync($"containers/{id[..10]}/json")).Status.ShouldBe(200);
    });

    [Fact]
    public async Task Stop_sends_the_stop_signal_and_kills_after_the_grace()
    {
        await using var polite = await RunningContainer.StartAsync(engine, ["--stop-signal", "USR1"], "sh", "-c", "trap 'exit 9' USR1; echo up; while :; do sleep 0.1; done");
        await using var stubborn = await RunningContainer.StartAsync(engine, [], "sh", "-c", "trap : TERM; echo up; while :; do sleep 0.1; done");
        foreach (var container in (RunningContainer[])[polite, stubborn])
            while ((await engine.DockerAsync("logs", container.Id)).Out.Length == 0) await Task.Delay(100);
        (await engine.DockerAsync("stop", polite.Id)).ShouldExit(0);
        (await engine.DockerAsync("stop", "-t", "1", stubborn.Id)).ShouldExit(0);
        (await engine.DockerAsync("inspect", "-f", "{{.State.ExitCode}}", polite.Id)).Text.ShouldBe("9");
        (await engine.DockerAsync("inspect", "-f", "{{.State.ExitCode}}", stubborn.Id)).Text.ShouldBe("137");
    }

    [Fact]
    public async Task What_is_to_be_removed_at_its_end_is()
    {
        var file = Path.Combine(engine.Root, "cid-" + Guid.NewGuid().ToString("n"));
        (await engine.DockerAsync("run", "--rm", "--cidfile", file, "-v", "/data", "busybox", "true")).ShouldExit(0);
        var id = await File.ReadAllTextAsync(file);
        for (int i = 0; i < 50 && (await engine.DockerAsync("inspect", id)).ExitCode == 0; i++) await Task.Delay(100);
        (await engine.DockerAsync("inspect", id)).ShouldExit(1).Error.ShouldContain("No such object");
    }

    [Theory]
    [InlineData("on-failure:2", 2)]
    [InlineData("no", 0)]
    public async Task The_restart_policy_starts_it_again_so_often(string policy, int restarts)
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--restart", policy], "sh", "-c", "echo run; exit 1");
        for (int i = 0; i < 100 && (await engine.DockerAsync("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", container.Id)).Text != $"exited {restarts}"; i++) await Task.Delay(100);
        (await engine.DockerAsync("logs", container.Id)).Out.ShouldBe(string.Concat(Enumerable.Repeat("run\n", restarts + 1)));
    }

    [Fact]
    public async Task A_container_the_policy_keeps_alive_stays_down_when_a_user_stops_it()
    {
        await using var container = await RunningContainer.StartAsync(engine, ["--restart", "always"], "sleep", "1000");
        (await engine.DockerAsync("stop", "-t", "0", container.Id)).ShouldExit(0);
        await Task.Delay(1000);
        (await engine.DockerAsync("inspect", "-f", "{{.State.Status}}", container.Id)).Text.ShouldBe("exited");
    }

    [Fact]
    public async Task An_unknown_container_is_404_and_an_unclear_prefix_400()
    {
        using var api = new ApiClient(engine);
        (await api.GetAsync("containers/nosuch/json")).Status.ShouldBe(404);
        var ids = new List<string>();
        try
        {
            // 17 containers: at least two begin with the same digit.
            for (int i = 0; i < 17; i++) ids.Add(await api.CreateAsync("\"Cmd\":[\"true\"]"));
            var digit = ids.GroupBy(id => id[0]).First(group => group.Count() > 1).Key;
            var (status, body) = await api.GetAsync($"containers/{digit}/json");
            status.ShouldBe(400);
            ((string)body!["message"]!).ShouldContain("multiple IDs found with provided prefix");
        }
        finally { foreach (var id in ids) await api.RemoveAsync(id); }
    }

    [Fact]
    public async Task Ps_finds_by_port_and_code()
    {
        int port;
        using (var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        }
        (await engine.DockerAsync("run", "-d", "--name", "ps-port", "-p", $"127.0.0.1:{port}:80", "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("run", "--name", "ps-code", "busybox", "sh", "-c", "exit 37")).ShouldExit(37);
        try
        {
            async Task<string> PsAsync(params string[] flags) => (await engine.DockerAsync(["ps", "--format", "{{.Names}}", .. flags.SelectMany(flag => flag[0] == '-' ? (string[])[flag] : ["--filter", flag])])).ShouldExit(0).Text;
            (await PsAsync($"publish={port}")).ShouldBe("ps-port");
            (await PsAsync("publish=80", "name=ps-port")).ShouldBe("");
            (await PsAsync("expose=80/tcp", "name=ps-port")).ShouldBe("ps-port");
            (await PsAsync("exited=37")).ShouldBe("");
            (await PsAsync("-a", "exited=37")).ShouldBe("ps-code");
        }
        finally { await engine.DockerAsync("rm", "-f", "ps-port", "ps-code"); }
    }

    [Fact]
    public async Task A_link_can_be_removed()
    {
        (await engine.DockerAsync("run", "-d", "--name", "link-to", "busybox", "sleep", "1000")).ShouldExit(0);
        (await engine.DockerAsync("create", "--name", "link-from", "--link", "link-to:alias", "busybox", "sleep", "1000")).ShouldExit(0);
        try
        {
            (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.Links}}", "link-from")).Text.ShouldBe("[/link-to:/link-from/alias]");
            (await engine.DockerAsync("rm", "--link", "link-from")).ShouldExit(1).Error.ShouldContain("Conflict, cannot remove the default link name of the container");
            (await engine.DockerAsync("rm", "--link", "link-from/alias")).ShouldExit(0);
            (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.Links}}", "link-from")).Text.ShouldBe("[]");
            (await engine.DockerAsync("inspect", "-f", "{{.State.Running}}", "link-to")).Text.ShouldBe("true");
        }
        finally { await engine.DockerAsync("rm", "-f", "link-to", "link-from"); }
    }

    [Fact]
    public async Task Prune_frees_stopped_containers_that_fit_the_filter()
    {
        var label = "prune-" + Guid.NewGuid().ToString("n")[..8];
        (await engine.DockerAsync("run", "--label", label, "busybox", "sh", "-c", "head -c 100000 /dev/zero > /big")).ShouldExit(0);
        var pruned = (await engine.DockerAsync("container", "prune", "-f", "--filter", "label=" + label)).ShouldExit(0);
        pruned.Out.ShouldContain("Deleted Containers:");
        pruned.Out.ShouldMatch(@"Total reclaimed space: 1\d\d(\.\d+)?kB");
        (await engine.DockerAsync("container", "prune", "-f", "--filter", "nonsense=x")).ShouldExit(1).Error.ShouldContain("invalid filter 'nonsense'");
    }
}
