using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Volumes;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>What comes while a container is being started means the one that runs then. The start is held up by its volume's plugin.</summary>
public sealed class StartingTests(EngineFixture engine) : IDisposable
{
    private readonly EngineApi _api = new(engine.SocketPath);
    private readonly string _directory = Directory.CreateTempSubdirectory("wharf-starting-").FullName;
    private readonly string _suffix = Guid.NewGuid().ToString("N")[..8];

    public void Dispose()
    {
        _api.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    // docker compose up --abort-on-container-exit stops all as soon as the first has ended, also what is about to start: told that it does not run,
    // compose would wait for the end of a container that nobody ends.
    [Theory]
    [InlineData("POST", "/stop?t=0", 204, "exited")]
    [InlineData("POST", "/kill", 204, "exited")]
    [InlineData("POST", "/restart?t=0", 204, "running")]
    [InlineData("GET", "/top", 200, "running")]
    [InlineData("POST", "/exec", 201, "running")]
    [InlineData("DELETE", "?force=1", 204, "")]
    [InlineData("DELETE", "", 409, "running")]
    public async Task A_verb_waits_for_the_start(string method, string verb, int status, string state)
    {
        await using var starting = await BeginAsync("sleep", "600");
        var answer = method switch
        {
            "GET" => _api.GetAsync(starting.Path + verb),
            "DELETE" => _api.DeleteAsync(starting.Path + verb),
            _ => _api.PostAsync(starting.Path + verb, verb == "/exec" ? """{"Cmd":["true"]}""" : null),
        };
        await starting.ReleaseAsync(answer);
        (await answer).Status.ShouldBe(status, (await answer).Text);
        (await engine.DockerAsync("ps", "-a", "--filter", $"name={starting.Name}", "--format", "{{.State}}")).ShouldExit(0).Text.Trim().ShouldBe(state);
    }

    [Fact]
    public async Task Who_waits_for_the_end_of_what_is_just_starting_gets_that_end()
    {
        await using var starting = await BeginAsync("sh", "-c", "exit 3");
        var end = _api.PostAsync(starting.Path + "/wait");
        await starting.ReleaseAsync(end);
        (await end).Json["StatusCode"]!.GetValue<int>().ShouldBe(3);
    }

    [Fact]
    public async Task Each_wait_for_a_removal_ends_however_close_they_come()
    {
        for (int i = 0; i < 50; i++)
        {
            var id = (await _api.PostAsync("/containers/create", """{"Image":"busybox"}""")).Json["Id"]!.ToString();
            var removal = _api.DeleteAsync($"/containers/{id}");
            var waits = Enumerable.Range(0, 4).Select(_ => _api.PostAsync($"/containers/{id}/wait?condition=removed")).ToList();
            (await removal).Status.ShouldBe(204);
            foreach (var wait in waits) (await wait).Status.ShouldBeOneOf(200, 404);
        }
    }

    private async Task<Starting> BeginAsync(params string[] command)
    {
        var plugin = new FakeVolumePlugin("ws" + _suffix, _directory);
        var name = "starting" + _suffix;
        (await engine.DockerAsync(["create", "--name", name, "--volume-driver", plugin.Name, "-v", $"{name}:/data", "busybox", .. command])).ShouldExit(0);
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        plugin.Mounting = held.Task;
        var start = _api.PostAsync($"/containers/{name}/start");
        while (!plugin.Calls.Any(static call => call.StartsWith("/VolumeDriver.Mount", StringComparison.Ordinal))) await Task.Delay(10, TestContext.Current.CancellationToken);
        return new Starting(engine, plugin, name, start, held);
    }

    private sealed class Starting(EngineFixture engine, FakeVolumePlugin plugin, string name, Task<ApiAnswer> start, TaskCompletionSource held) : IAsyncDisposable
    {
        public string Name => name;
        public string Path => $"/containers/{name}";

        /// <summary>Lets the start go on, once the engine has had the time for the wrong answer.</summary>
        public async Task ReleaseAsync(Task<ApiAnswer> answer)
        {
            await Task.WhenAny(answer, Task.Delay(500, TestContext.Current.CancellationToken));
            held.SetResult();
            (await start).Status.ShouldBe(204, (await start).Text);
        }

        public async ValueTask DisposeAsync()
        {
            held.TrySetResult();
            await engine.DockerAsync("rm", "-f", name);
            (await engine.DockerAsync("volume", "rm", name)).ShouldExit(0);
            plugin.Dispose();
        }
    }
}
