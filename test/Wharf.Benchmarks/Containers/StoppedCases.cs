using System.Diagnostics;

namespace Wharf.Benchmarks.Containers;

/// <summary>What many containers that do not run cost: listing them, and the daemon's start. Each engine is a daemon of its own, since it is restarted.</summary>
public static class StoppedCases
{
    public static void Run(string binaries, int count, int rounds)
    {
        var wharf = new RestartableDaemon("wharf", Path.Combine(binaries, "wharf"), root => ["daemon", "-H", $"unix://{root}/w.sock", "--data-root", root + "/data", "--exec-root", root + "/run"]);
        var daemons = new List<RestartableDaemon> { wharf };
        // WHARF_BENCH_DOCKERD: the command that becomes dockerd, where it is not in the path ("nsenter --mount=… dockerd").
        if ((Environment.GetEnvironmentVariable("WHARF_BENCH_DOCKERD") ?? RestartableDaemon.Find("dockerd"))?.Split(' ') is [var dockerd, .. var first])
        {
            // In a network namespace of its own: two daemons on one machine would take each other's bridge and rules away.
            daemons.Add(new RestartableDaemon("dockerd", "unshare", root => ["--net", dockerd, .. first, "-H", $"unix://{root}/w.sock", "--data-root", root + "/data", "--exec-root", root + "/run", "--pidfile", root + "/pid"]));
        }
        else Console.Error.WriteLine("bench: no dockerd is installed: measuring without it");
        // WHARF_BENCH_PODMAN: likewise the command that becomes podman, with the environment it needs.
        if (Environment.GetEnvironmentVariable("WHARF_BENCH_PODMAN")?.Split(' ') is [var podman, .. var rest])
            daemons.Add(new RestartableDaemon("podman", podman, root => [.. rest, "--root", root + "/data", "--runroot", root + "/run", "--tmpdir", root + "/tmp", "--network-config-dir", root + "/networks", "--runtime", "crun", "--cgroup-manager", "cgroupfs", "system", "service", "--time=0", $"unix://{root}/w.sock"]));
        try
        {
            Report(daemons, "daemon start, no containers", rounds, daemon => daemon.Restart());
            foreach (var daemon in daemons) Fill(daemon, count);
            Report(daemons, $"daemon start, {count} stopped containers", rounds, daemon => daemon.Restart());
            Report(daemons, $"ps -a of {count} stopped containers", rounds * 3, daemon => List(daemon, count));
        }
        finally { foreach (var daemon in daemons) daemon.Dispose(); }
    }

    private static void Fill(RestartableDaemon daemon, int count)
    {
        BenchImage.Ensure(daemon.Host);
        using var client = new EngineClient(daemon.Name, daemon.Host);
        for (int i = 0; i < count; i++)
            client.Send("POST", "/containers/create", $$"""{"Image":{{EngineClient.Quote(BenchImage.Name)}},"Cmd":["/bin/true"],"Labels":{"number":"{{i}}"},"HostConfig":{"NetworkMode":"none"} }""");
    }

    private static double List(RestartableDaemon daemon, int count)
    {
        using var client = new EngineClient(daemon.Name, daemon.Host);
        var watch = Stopwatch.StartNew();
        var text = client.Send("GET", "/containers/json?all=1");
        double time = watch.Elapsed.TotalMilliseconds;
        int found = System.Text.Json.Nodes.JsonNode.Parse(text)!.AsArray().Count;
        return found == count ? time : throw new InvalidOperationException($"{daemon.Name}: {found} of {count} containers are listed");
    }

    private static void Report(List<RestartableDaemon> daemons, string name, int rounds, Func<RestartableDaemon, double> body)
    {
        var samples = daemons.ConvertAll(_ => new Sample());
        for (int round = 0; round < rounds; round++)
            for (int i = 0; i < daemons.Count; i++) samples[i].Add(body(daemons[i]));
        var cells = daemons.Select((daemon, i) => FormattableString.Invariant($"{daemon.Name} {samples[i].Median:0.0#} ms ({samples[i].Least:0.0#}{(i > 0 ? FormattableString.Invariant($"; {samples[i].Median / samples[0].Median:0.0}×") : "")})"));
        Console.WriteLine($"{name}: {string.Join(", ", cells)}, n = {rounds}");
    }
}
