using System.Diagnostics;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Registry;
using Xunit;

namespace Wharf.SystemTests.Images;

/// <summary>
/// Pushes over lines that are cut and across a daemon's death. Wharf's own registry tells how much of an upload it has, whatever has happened; Debian's
/// docker-registry forgets one that was cut in the middle of a request, and all begins anew.
/// </summary>
public sealed class UploadTests
{
    private const int LayerBytes = 8 << 20;

    private static async Task<string> ImportAsync(EngineApi api, string name)
    {
        var imported = await api.PostTarAsync($"/images/create?fromSrc=-&repo={name}&tag=v1", TestTrees.Small(name, LayerBytes));
        imported.Status.ShouldBe(200, imported.Text);
        return imported.Lines[^1]["status"]!.GetValue<string>();
    }

    private static async Task ShouldPullAsync(EngineApi api, string name, string id)
    {
        (await api.DeleteAsync($"/images/{name}:v1")).Status.ShouldBe(200);
        var pulled = await api.PostAsync($"/images/create?fromImage={name}&tag=v1");
        pulled.StreamError.ShouldBeNull(pulled.Text);
        (await api.GetAsync($"/images/{name}:v1/json")).Json["Id"]!.GetValue<string>().ShouldBe(id);
    }

    [Fact]
    public async Task An_upload_over_a_line_that_is_cut_goes_on_where_it_was()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await RegistryProcess.WharfAsync();
        using var line = new CuttingLine(registry.Port) { MostBytes = 3 << 20 };
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{line.Address}/cut/up";
        var id = await ImportAsync(api, name);
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        line.Cuts.ShouldBeGreaterThan(1);
        line.Up.ShouldBeLessThan(LayerBytes * 3 / 2);
        await ShouldPullAsync(api, name, id);
    }

    [Fact]
    public async Task An_upload_that_the_registry_has_forgotten_begins_anew()
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync();
        await using var registry = await LocalRegistry.StartAsync();
        using var line = new CuttingLine(registry.Port) { MostBytes = 3 << 20, MostCuts = 2 };
        using var api = new EngineApi(engine.SocketPath);
        var name = $"{line.Address}/cut/up";
        var id = await ImportAsync(api, name);
        var pushed = await api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        line.Cuts.ShouldBe(2);
        await ShouldPullAsync(api, name, id);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_push_goes_on_where_a_killed_daemon_left_it(bool keepBlobs)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync(keepBlobs ? ["--keep-layer-blobs"] : []);
        await using var other = await LocalRegistry.StartAsync();
        await using var registry = await RegistryProcess.WharfAsync();
        using var line = new CuttingLine(registry.Port) { Pause = TimeSpan.FromMilliseconds(4) };
        var name = $"{line.Address}/killed/up";
        string id;
        using (var api = new EngineApi(engine.SocketPath))
        {
            if (keepBlobs)
            {
                // A blob that is kept is one that was pulled.
                var first = $"{other.Address}/first";
                id = await ImportAsync(api, first);
                (await api.PostAsync($"/images/{first}/push?tag=v1", auth: "{}")).StreamError.ShouldBeNull();
                await ShouldPullAsync(api, first, id);
                (await api.PostAsync($"/images/{first}:v1/tag?repo={name}&tag=v1")).Status.ShouldBe(201);
            }
            else id = await ImportAsync(api, name);
            var push = api.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
            var watch = Stopwatch.StartNew();
            while (line.Up < LayerBytes / 2)
            {
                watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60));
                await Task.Delay(10);
            }
            await engine.KillDaemonAsync();
            await Should.ThrowAsync<HttpRequestException>(push);
        }
        line.Pause = TimeSpan.Zero;
        await engine.StartDaemonAsync(keepBlobs ? ["--keep-layer-blobs"] : []);
        using var after = new EngineApi(engine.SocketPath);
        var pushed = await after.PostAsync($"/images/{name}/push?tag=v1", auth: "{}");
        pushed.StreamError.ShouldBeNull(pushed.Text);
        line.Up.ShouldBeLessThan(LayerBytes * 5 / 4);
        await ShouldPullAsync(after, name, id);
    }
}
