using System.Diagnostics;

namespace Wharf.Benchmarks.Api;

/// <summary>The API and the command line by themselves: requests that start no process, and what a command costs from its start to its end.</summary>
public static class ApiCases
{
    private const int Listed = 50;

    public static void Run(string binaries, int rounds)
    {
        var peer = Environment.GetEnvironmentVariable("WHARF_PEER_HOST") ?? "unix:///run/peer-docker.sock";
        using var wharf = new WharfProcess(binaries);
        List<(string, string, string?)> engines = [("wharf", wharf.Host, wharf.Root)];
        if (File.Exists(peer["unix://".Length..])) engines.Add(("dockerd", peer, null));
        using var report = new Report(engines);
        foreach (var engine in report.Engines) BenchImage.Ensure(engine.Host);
        var made = report.Engines.ToDictionary(engine => engine, engine => Enumerable.Range(0, Listed).Select(_ => Create(engine)).ToList());
        try
        {
            Requests(report, rounds, made);
            Commands(report, rounds, binaries);
        }
        finally
        {
            foreach (var (engine, ids) in made)
                foreach (var id in ids) Cases.Remove(engine, id);
        }
        report.Print();
    }

    private static void Requests(Report report, int rounds, Dictionary<EngineClient, List<string>> made)
    {
        void Request(string name, Func<EngineClient, string> path) => report.Case(name, rounds, engine => [("", Time(() => engine.Send("GET", path(engine))))]);
        Request("GET /_ping", _ => "/_ping");
        Request("GET /version", _ => "/version");
        Request("GET /info", _ => "/info");
        Request($"GET /containers/json, {Listed} containers", _ => "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22bench-api%22%5D%7D");
        Request("GET /containers/ID/json", engine => $"/containers/{made[engine][0]}/json");
        Request("GET /images/NAME/json", _ => $"/images/{BenchImage.Name}/json");
        Request("GET /events of the past minute", _ => $"/events?since={DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeSeconds()}&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds()}");
        report.Case("create and remove a container", rounds, engine =>
        {
            string id = "";
            double create = Time(() => id = Create(engine));
            return [("create", create), ("remove", Time(() => engine.Send("DELETE", $"/containers/{id}")))];
        });
        report.Case("create and remove a volume", rounds, engine => [("", Time(() =>
        {
            engine.Send("POST", "/volumes/create", """{"Name":"bench-api"}""");
            engine.Send("DELETE", "/volumes/bench-api");
        }))]);
        report.Case("create and remove a network", rounds, engine => [("", Time(() =>
        {
            var id = (string)engine.Json("POST", "/networks/create", """{"Name":"bench-api"}""")["Id"]!;
            engine.Send("DELETE", $"/networks/{id}");
        }))]);
    }

    /// <summary>Each engine with its own command line: the whole process, from fork to exit.</summary>
    private static void Commands(Report report, int rounds, string binaries)
    {
        foreach (string[] words in (string[][])[["--version"], ["version"], ["ps", "-a"], ["images"], ["inspect", BenchImage.Name], ["run", "--rm", "--network", "none", BenchImage.Name, "true"]])
        {
            report.Case($"command line: {string.Join(' ', words.Where(word => word != BenchImage.Name))}", rounds, engine => [("", Time(() =>
            {
                var program = engine.Name == "wharf" ? Path.Combine(binaries, "wharf") : "docker";
                using var process = Process.Start(new ProcessStartInfo(program, ["-H", engine.Host, .. words]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
                process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {words[0]}: {process.StandardError.ReadToEnd()}");
            }))]);
        }
    }

    private static string Create(EngineClient engine) => (string)engine.Json("POST", "/containers/create", $$$"""{"Image":{{{EngineClient.Quote(BenchImage.Name)}}},"Cmd":["/bin/true"],"Labels":{"bench-api":""},"HostConfig":{"NetworkMode":"none"}}""")["Id"]!;

    private static double Time(Action action)
    {
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalMilliseconds;
    }
}
