using System.Collections.Concurrent;
using System.Net;
using Shouldly;
using Xunit;

namespace Wharf.SystemTests.Registry;

/// <summary>Killed at random during pushes, deletions and collections: nothing that was answered is lost, nothing is torn, and space comes back. WHARF_REGISTRY_KILLS sets how often (100 in the long run).</summary>
public sealed class RegistryCrashTests
{
    private static readonly int Kills = int.TryParse(Environment.GetEnvironmentVariable("WHARF_REGISTRY_KILLS"), out int kills) ? kills : 6;

    [Fact]
    public async Task Kills_lose_nothing_that_was_answered_and_tear_nothing()
    {
        await using var registry = await RegistryProcess.WharfAsync();
        using var api = new RegistryApi(registry.Url);
        var tags = new ConcurrentDictionary<string, byte[]>();
        var maybe = new ConcurrentDictionary<string, byte>();
        var random = new Random(42);
        for (int round = 0; round < Kills; round++)
        {
            using var stop = new CancellationTokenSource();
            int seed = round * 1000;
            var workers = Enumerable.Range(0, 4).Select(worker => WorkAsync(api, tags, maybe, worker, seed + worker, stop.Token)).ToList();
            await Task.Delay(random.Next(50, 600));
            await registry.KillAsync();
            await stop.CancelAsync();
            await Task.WhenAll(workers);
            await registry.StartAsync();
            await CheckAsync(api, tags, maybe);
        }
        // With everything deleted, collection frees every blob and every upload left behind.
        foreach (var name in (await (await api.GetAsync("/v2/_catalog?n=1000")).JsonAsync()).GetProperty("repositories").EnumerateArray().Select(name => name.GetString()!))
            await (await api.DeleteAsync($"/api/repositories/{Uri.EscapeDataString(name)}")).ShouldBeAsync(HttpStatusCode.Accepted);
        await (await api.SendAsync("POST", "/api/collect?grace=0s")).ShouldBeAsync(HttpStatusCode.OK);
        Directory.EnumerateFiles(Path.Combine(registry.Root, "store", "blobs"), "*", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    /// <summary>Pushes, moves and deletes tags of its own until the server is gone. What was answered is noted; what was under way may be either.</summary>
    private static async Task WorkAsync(RegistryApi api, ConcurrentDictionary<string, byte[]> tags, ConcurrentDictionary<string, byte> maybe, int worker, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            var (name, tag) = ($"crash/w{worker}", $"t{random.Next(5)}");
            var key = name + ":" + tag;
            maybe[key] = 0;
            try
            {
                if (i % 5 == 4)
                {
                    var deleted = await api.DeleteAsync($"/v2/{name}/manifests/{tag}");
                    if (deleted.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.NotFound) tags.TryRemove(key, out _);
                    await api.SendAsync("POST", "/api/collect?grace=10s");
                }
                else tags[key] = await api.PushImageAsync(name, tag, RegistryAnswers.Bytes(random.Next(), random.Next(1, 50_000)));
                maybe.TryRemove(key, out _);
            }
            catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException) { return; }
        }
    }

    private static async Task CheckAsync(RegistryApi api, ConcurrentDictionary<string, byte[]> tags, ConcurrentDictionary<string, byte> maybe)
    {
        foreach (var key in maybe.Keys)
        {
            // Under way when it was killed: there or not, but whole.
            var (name, tag) = (key.Split(':')[0], key.Split(':')[1]);
            var response = await api.GetAsync($"/v2/{name}/manifests/{tag}");
            if (response.StatusCode == HttpStatusCode.OK) tags[key] = await response.Content.ReadAsByteArrayAsync();
            else tags.TryRemove(key, out _);
        }
        maybe.Clear();
        foreach (var (key, manifest) in tags)
        {
            var (name, tag) = (key.Split(':')[0], key.Split(':')[1]);
            var response = await api.GetAsync($"/v2/{name}/manifests/{tag}");
            await response.ShouldBeAsync(HttpStatusCode.OK);
            (await response.Content.ReadAsByteArrayAsync()).ShouldBe(manifest);
            foreach (var layer in System.Text.Json.JsonDocument.Parse(manifest).RootElement.GetProperty("layers").EnumerateArray().Select(layer => layer.GetProperty("digest").GetString()!))
                RegistryApi.DigestOf(await (await (await api.GetAsync($"/v2/{name}/blobs/{layer}")).ShouldBeAsync(HttpStatusCode.OK)).Content.ReadAsByteArrayAsync()).ShouldBe(layer);
        }
    }
}
