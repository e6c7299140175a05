using System.Diagnostics;

namespace Wharf.Benchmarks;

/// <summary>Many containers at once: what one costs while it runs, and how fast many are started.</summary>
public static class Scale
{
    private const int AtATime = 8;

    /// <summary>MiB that one running container costs, the engine's processes and its shims counted, its own not.</summary>
    public static double MemoryEach(EngineClient engine, string? mark, int count)
    {
        double before = Memory.PssMiB(engine.Host, mark);
        var ids = Start(engine, count, out _);
        try { return (Memory.PssMiB(engine.Host, mark) - before) / count; }
        finally { Remove(engine, ids); }
    }

    /// <summary>Milliseconds for each start of <paramref name="count"/> made containers, <see cref="AtATime"/> at a time.</summary>
    public static IEnumerable<(string Part, double Milliseconds)> Starts(EngineClient engine, int count)
    {
        var ids = Start(engine, count, out double each);
        var watch = Stopwatch.StartNew();
        Remove(engine, ids);
        return [("each", each), ("all", each * count), ("removal of all", watch.Elapsed.TotalMilliseconds)];
    }

    /// <summary>Starts many, checks that they all run and that one can be entered, and tells what they cost.</summary>
    public static IEnumerable<(string Name, string Unit, double Value)> Crowd(EngineClient engine, string? mark, int count)
    {
        double before = Memory.PssMiB(engine.Host, mark);
        var ids = Start(engine, count, out double each);
        try
        {
            int running = engine.Json("GET", "/containers/json").AsArray().Count;
            if (running < count) throw new InvalidOperationException($"{engine.Name}: {running} of {count} containers run");
            var watch = Stopwatch.StartNew();
            foreach (var _ in Cases.Exec(engine, ids[^1])) { }
            return [("start, each", "ms", each), ("memory, each", "MiB", (Memory.PssMiB(engine.Host, mark) - before) / count), ("exec in the last", "ms", watch.Elapsed.TotalMilliseconds)];
        }
        finally { Remove(engine, ids); }
    }

    private static string[] Start(EngineClient engine, int count, out double each)
    {
        var ids = new string[count];
        Each(engine, count, (client, i) => ids[i] = (string)client.Json("POST", "/containers/create", $$"""{"Image":{{EngineClient.Quote(BenchImage.Name)}},"Cmd":["/bin/sleep","10000"],"HostConfig":{"NetworkMode":"none"} }""")["Id"]!);
        var watch = Stopwatch.StartNew();
        Each(engine, count, (client, i) => client.Send("POST", $"/containers/{ids[i]}/start"));
        each = watch.Elapsed.TotalMilliseconds / count;
        return ids;
    }

    private static void Remove(EngineClient engine, string[] ids) => Each(engine, ids.Length, (client, i) => Cases.Remove(client, ids[i]));

    /// <summary>Does something <paramref name="count"/> times over <see cref="AtATime"/> connections; the first failure is thrown.</summary>
    private static void Each(EngineClient engine, int count, Action<EngineClient, int> body)
    {
        int next = -1;
        Exception? failure = null;
        var threads = Enumerable.Range(0, AtATime).Select(_ => new Thread(() =>
        {
            try
            {
                using var client = new EngineClient(engine.Name, engine.Host);
                for (int i; failure is null && (i = Interlocked.Increment(ref next)) < count;) body(client, i);
            }
            catch (Exception error) { failure ??= error; }
        })).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        if (failure is not null) throw new InvalidOperationException($"{engine.Name}: {failure.Message}", failure);
    }
}
