using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Wharf.Benchmarks.Registry;

/// <summary>
/// <c>./dev bench registry</c>: our registry beside Debian's docker-registry, in one run on loopback, the same client for both. Each case is
/// done by one and then by the other; throughput is that of the better of three, memory the most the process ever used.
/// </summary>
internal static class RegistryBench
{
    private const int LargeBlob = 300 << 20, LargeParallel = 4, SmallBlobs = 1000, SmallParallel = 8, Tags = 100_000, Manifests = 4000, Rounds = 3;

    public static async Task<int> RunAsync(string binaries)
    {
        await using var ours = await RegistryUnderTest.WharfAsync(binaries);
        await using var debian = await RegistryUnderTest.DebianAsync();
        RegistryUnderTest[] both = [ours, debian];
        Console.WriteLine($"{"case",-44}{"wharf",14}{"docker-registry",18}{"ratio",8}");
        var large = Enumerable.Range(0, LargeParallel).Select(i => Bytes(i, LargeBlob)).ToArray();
        foreach (var registry in both) foreach (var blob in large) registry.Know(blob);
        await CaseAsync("push 300 MB x4 (MB/s)", both, Rounds, async (registry, round) =>
        {
            await Task.WhenAll(large.Select(blob => registry.PushLargeAsync($"large/r{round}", blob)));
            return LargeParallel * (LargeBlob / 1e6);
        });
        await CaseAsync("pull 300 MB x4 (MB/s)", both, Rounds, async (registry, _) =>
        {
            await Task.WhenAll(large.Select(blob => registry.PullLargeAsync("large/r0", blob)));
            return LargeParallel * (LargeBlob / 1e6);
        });
        var small = Enumerable.Range(0, SmallBlobs).Select(i => Bytes(1000 + i, 2000)).ToArray();
        await CaseAsync("push 1,000 blobs of 2 kB, 8 at a time (/s)", both, 1, async (registry, round) =>
        {
            await Parallel.ForEachAsync(small, new ParallelOptions { MaxDegreeOfParallelism = SmallParallel }, async (blob, _) => await registry.PushAsync($"small/r{round}", blob));
            return SmallBlobs;
        });
        await CaseAsync("pull 1,000 blobs of 2 kB, 8 at a time (/s)", both, Rounds, async (registry, _) =>
        {
            await Parallel.ForEachAsync(small, new ParallelOptions { MaxDegreeOfParallelism = SmallParallel }, async (blob, _) => await registry.PullAsync("small/r0", Digest(blob)));
            return SmallBlobs;
        });
        await CaseAsync("push manifests, 8 at a time (/s)", both, 1, async (registry, round) =>
        {
            await registry.PushAsync("manifests/app", "{}"u8.ToArray());
            await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = SmallParallel }, async (i, _) => await registry.PutManifestAsync("manifests/app", $"t{round}-{i}", i));
            return 400;
        });
        await CaseAsync("pull manifests by tag, 8 at a time (/s)", both, Rounds, async (registry, _) =>
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, Manifests), new ParallelOptions { MaxDegreeOfParallelism = SmallParallel }, async (i, _) => await registry.GetAsync($"/v2/manifests/app/manifests/t0-{i % 400}"));
            return Manifests;
        });
        foreach (var registry in both) await registry.AddTagsAsync("manifests/app", Tags);
        await CaseAsync("list 100,000 tags (lists/s)", both, Rounds, async (registry, _) =>
        {
            await registry.GetAsync("/v2/manifests/app/tags/list");
            return 1;
        });
        Console.WriteLine($"{"most memory (MB)",-44}{ours.PeakMemory / 1e6,14:F1}{debian.PeakMemory / 1e6,18:F1}{ours.PeakMemory / (double)debian.PeakMemory,8:F2}");
        return 0;
    }

    private static async Task CaseAsync(string name, RegistryUnderTest[] registries, int rounds, Func<RegistryUnderTest, int, Task<double>> work)
    {
        var best = new double[registries.Length];
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < registries.Length; i++)
            {
                long began = Stopwatch.GetTimestamp();
                double amount = await work(registries[i], round);
                best[i] = Math.Max(best[i], amount / Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-44}{best[0],14:F1}{best[1],18:F1}{best[0] / best[1],8:F2}"));
    }

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
