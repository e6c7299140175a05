using System.Diagnostics;
using System.Globalization;
using Wharf.Benchmarks.Registry;

namespace Wharf.Benchmarks.Images;

/// <summary>
/// <c>./dev bench images ARCHIVE [ROUNDS]</c>: a docker archive (of about 300 MB) loaded, saved, pushed to and pulled from Debian's docker-registry on loopback,
/// by Wharf and by real dockerd in turn. Each push goes to a registry that is empty; each pull but the last begins without the image. The best of the rounds
/// counts: what else the machine does only adds.
/// </summary>
internal static class ImageBench
{
    private static readonly string[] Cases = ["load", "save", "push, gzip", "pull, zstd", "pull, gzip", "pull, one small layer changed"];

    public static async Task<int> RunAsync(string binaries, string? peer, string archive, int rounds)
    {
        using var wharf = new WharfProcess(binaries);
        using var ours = new ImageClient("wharf", wharf.Host);
        using var theirs = peer is null ? null : new ImageClient("dockerd", peer);
        ImageClient[] engines = theirs is null ? [ours] : [ours, theirs];
        await using var source = await RegistryUnderTest.DebianAsync();
        await SourceImages.PushAsync(source.Authority, archive);
        var best = Cases.ToDictionary(name => name, _ => engines.ToDictionary(engine => engine, _ => double.PositiveInfinity));
        for (int round = 0; round < rounds; round++)
            foreach (var engine in round % 2 == 0 ? engines : engines.Reverse())
                await RoundAsync(engine, archive, source.Authority, (name, seconds) => best[name][engine] = Math.Min(best[name][engine], seconds));
        Console.WriteLine($"{"case (s, best of " + rounds + ")",-36}{string.Concat(engines.Select(engine => $"{engine.Name,12}"))}{"ratio",8}");
        foreach (var name in Cases)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-36}{string.Concat(engines.Select(engine => best[name][engine].ToString("F2", CultureInfo.InvariantCulture).PadLeft(12)))}{best[name][engines[^1]] / best[name][ours],8:F2}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"most memory of wharf's daemon (MB)",-36}{wharf.PeakMemory / 1e6,12:F1}"));
        return 0;
    }

    private static async Task RoundAsync(ImageClient engine, string archive, string source, Action<string, double> note)
    {
        async Task Timed(string name, Func<Task> work)
        {
            long began = Stopwatch.GetTimestamp();
            await work();
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{engine.Name}: {name}: {seconds:F2} s"));
            note(name, seconds);
        }
        var loaded = "";
        await Timed("load", async () => loaded = await engine.LoadAsync(archive));
        try
        {
            await Timed("save", () => engine.SaveAsync(loaded));
            await using var empty = await RegistryUnderTest.DebianAsync();
            var pushed = empty.Authority + "/wharf-bench/pushed";
            await engine.TagAsync(loaded, pushed, "v1");
            try { await Timed("push, gzip", () => engine.PushAsync(pushed, "v1")); }
            finally { await engine.RemoveAsync(pushed + ":v1"); }
        }
        finally { await engine.RemoveAsync(loaded); }
        var (zstd, gzip) = (source + "/wharf-bench/zstd", source + "/wharf-bench/gzip");
        try
        {
            await Timed("pull, zstd", () => engine.PullAsync(zstd, "v1", alreadyThere: 0));
            await engine.RemoveAsync(zstd + ":v1");
            await Timed("pull, gzip", () => engine.PullAsync(gzip, "v1", alreadyThere: 0));
            // The image with a layer more: all the others are there.
            await Timed("pull, one small layer changed", () => engine.PullAsync(gzip, "v2", alreadyThere: null));
        }
        finally
        {
            foreach (var name in (string[])[zstd + ":v1", gzip + ":v1", gzip + ":v2"]) await engine.RemoveAsync(name);
        }
    }
}
