namespace Wharf.SystemTests.Fixtures;

/// <summary>A container of the busybox image that a test has started; removed with its volumes when the test ends.</summary>
public sealed class RunningContainer : IAsyncDisposable
{
    private readonly EngineFixture _engine;

    private RunningContainer(EngineFixture engine, string id) => (_engine, Id) = (engine, id);

    public string Id { get; }

    public static async Task<RunningContainer> StartAsync(EngineFixture engine, string[] options, params string[] command)
    {
        var result = (await engine.DockerAsync(["run", "-d", .. options, "busybox", .. command])).ShouldExit(0);
        return new RunningContainer(engine, result.Text);
    }

    public async ValueTask DisposeAsync() => await _engine.DockerAsync("rm", "-f", "-v", Id);
}
