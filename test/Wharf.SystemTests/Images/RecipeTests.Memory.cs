using System.Formats.Tar;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Images;

public sealed partial class RecipeTests
{
    private const long MostMemory = 150_000_000;

    /// <summary>Files of what is told in few bytes and of what is not.</summary>
    private static byte[] LargeTree(int seed, int copies)
    {
        var text = new StringBuilder();
        for (int i = 0; i < 1_800_000; i++) text.Append((i + seed) * 7919L % 1_000_003).Append(i % 9 == 0 ? '\n' : ' ');
        var numbers = Encoding.ASCII.GetBytes(text.ToString());
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            for (int i = 0; i <= copies / 5; i++) tar.WriteEntry(TestTrees.File("numbers" + i, numbers));
            for (int i = 0; i < copies; i++) tar.WriteEntry(TestTrees.File("noise" + i, TestTrees.Noise(10 << 20, seed + i)));
        }
        return stream.ToArray();
    }

    /// <summary>What the daemon needs does not depend on how large a layer is, whichever way it comes in and goes out.</summary>
    [Theory]
    [InlineData("gzip -1")]
    [InlineData("zstd -q -c")]
    public async Task A_daemon_stays_small_while_a_large_layer_is_made_again_by_its_recipe(string compress)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "0");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        var tree = LargeTree(1, 18);
        tree.Length.ShouldBeGreaterThan(200_000_000);
        var (manifest, layer) = await PutAsync(registry, "large", compress, tree);
        var name = $"{registry.Address}/large";
        using var api = new EngineApi(engine.SocketPath);
        Task Step(string what, Func<Task> work) => StaysSmallAsync(engine, $"{compress}: {what}", work);
        await Step("pull", () => PullAsync(api, name));
        await Step("recipe", () => UntilAsync(() => File.Exists(Recipe(engine, layer)) && !File.Exists(Blob(engine, layer)), engine, seconds: 600));
        await Step("push", async () => (await PushAsync(api, name, $"{other.Address}/again")).ShouldBe(manifest));
        var saved = Path.Combine(_work, "saved.tar");
        await Step("save", async () => await api.DownloadAsync($"/images/{name}:v1/get", saved));
        foreach (var one in (string[])[name, $"{other.Address}/again"]) (await api.DeleteAsync($"/images/{one}:v1")).Status.ShouldBe(200);
        await Step("load", async () =>
        {
            await using var stream = File.OpenRead(saved);
            (await api.PostTarAsync("/images/load?quiet=1", stream)).Text.ShouldContain("Loaded image");
        });
    }
    /// <summary>Neither does it depend on how many layers go out side by side.</summary>
    [Theory]
    [InlineData("gzip -1")]
    [InlineData("zstd -q -c")]
    public async Task A_daemon_stays_small_while_four_large_layers_are_made_again_at_once(string compress)
    {
        await using var engine = new EngineFixture();
        await engine.StartOwnAsync("--layer-recipe-delay", "0");
        await using var registry = await LocalRegistry.StartAsync();
        await using var other = await LocalRegistry.StartAsync();
        var (manifest, layers) = await PutLayersAsync(registry, "four", compress, Enumerable.Range(1, 4).Select(static i => LargeTree(i * 100, 18)));
        var name = $"{registry.Address}/four";
        using var api = new EngineApi(engine.SocketPath);
        Task Step(string what, Func<Task> work) => StaysSmallAsync(engine, $"four {compress}: {what}", work);
        await Step("pull", () => PullAsync(api, name));
        await Step("recipes", () => UntilAsync(() => layers.All(layer => File.Exists(Recipe(engine, layer)) && !File.Exists(Blob(engine, layer))), engine, seconds: 1200));
        await Step("push", async () => (await PushAsync(api, name, $"{other.Address}/again")).ShouldBe(manifest));
        await Step("save", async () => await api.DownloadAsync($"/images/{name}:v1/get", Path.Combine(_work, "saved.tar")));
    }

    private static async Task StaysSmallAsync(EngineFixture engine, string what, Func<Task> work)
    {
        engine.TakePeak();
        await work();
        long peak = engine.TakePeak();
        TestContext.Current.TestOutputHelper!.WriteLine($"{what}: {peak / 1e6:0.0} MB at most");
        peak.ShouldBeLessThan(MostMemory, $"{what}: the daemon's memory peak");
    }
}
