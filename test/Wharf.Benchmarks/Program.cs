using Wharf.Benchmarks;
using Wharf.Benchmarks.Api;
using Wharf.Benchmarks.Builds;
using Wharf.Benchmarks.Containers;
using Wharf.Benchmarks.Images;
using Wharf.Benchmarks.Registry;
using Wharf.Benchmarks.Runtime;

// Measures Wharf and, beside it in the same run, any other engine that speaks the Docker Engine API:
//   ./dev bench api [N]: requests and commands that start no process, N rounds (30)
//   ./dev bench builds [N]: builds by the docker CLI, classic and buildx, N rounds (10)
//   ./dev bench images ARCHIVE [N]: load, save, push and pull of a docker archive beside dockerd, N rounds (3)
//   ./dev bench registry: the registry beside Debian's docker-registry
//   ./dev bench runtime [N]: wharf-runtime beside Debian's runc, N rounds (60) of run and exec
//   ./dev bench stopped [N]: a daemon's start and ps with N stopped containers (1000) beside a dockerd of its own (WHARF_BENCH_DOCKERD) and podman (WHARF_BENCH_PODMAN)
//   ./dev bench [--rounds N] [--only TEXT] [--crowd N] [NAME=unix:///path.sock ...]
// --only: cases whose name has TEXT in it (run, exec, stop, logs, memory, starts, network); --crowd: N containers at once, on Wharf alone, and nothing else.
// Without names, real dockerd is used if one answers on WHARF_PEER_HOST or the peers' usual socket.
if (args is ["api", ..])
{
    ApiCases.Run(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"), rounds: args.Length > 1 ? int.Parse(args[1]) : 30);
    return 0;
}
if (args is ["builds", ..])
{
    var builder = Environment.GetEnvironmentVariable("WHARF_PEER_HOST") ?? "unix:///run/peer-docker.sock";
    BuildCases.Run(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"), File.Exists(builder["unix://".Length..]) ? builder : null, rounds: args.Length > 1 ? int.Parse(args[1]) : 10);
    return 0;
}
if (args is ["images", var archive, ..])
{
    var daemon = Environment.GetEnvironmentVariable("WHARF_PEER_HOST") ?? "unix:///run/peer-docker.sock";
    return await ImageBench.RunAsync(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"), File.Exists(daemon["unix://".Length..]) ? daemon : null, archive, args.Length > 2 ? int.Parse(args[2]) : 3);
}
if (args is ["registry"]) return await RegistryBench.RunAsync(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"));
if (args is ["runtime", ..]) return RuntimeBench.Run(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"), args.Length > 1 ? int.Parse(args[1]) : 60);
if (args is ["stopped", ..])
{
    StoppedCases.Run(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"), args.Length > 1 ? int.Parse(args[1]) : 1000, rounds: 7);
    return 0;
}
int rounds = 30, crowd = 0;
string only = "";
var peers = new List<(string Name, string Host)>();
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--rounds") rounds = int.Parse(args[++i]);
    else if (args[i] == "--only") only = args[++i];
    else if (args[i] == "--crowd") crowd = int.Parse(args[++i]);
    else if (args[i].Split('=', 2) is [var name, var host] && host.StartsWith("unix://", StringComparison.Ordinal)) peers.Add((name, host));
    else { Console.Error.WriteLine($"bench: unknown argument {args[i]}: expected --rounds N or NAME=unix:///path.sock"); return 2; }
}
bool Wanted(string name) => name.Contains(only, StringComparison.OrdinalIgnoreCase);
if (crowd > 0) peers.Clear();
else if (peers.Count == 0)
{
    var host = Environment.GetEnvironmentVariable("WHARF_PEER_HOST") ?? "unix:///run/peer-docker.sock";
    if (File.Exists(host["unix://".Length..])) peers.Add(("dockerd", host));
    else Console.Error.WriteLine("bench: no peer given and none found: measuring Wharf alone");
}

using var wharf = new WharfProcess(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"));
// Docker's shims are children of init, found by their name.
using var report = new Report([("wharf", wharf.Host, wharf.Root), .. peers.Select(peer => (peer.Name, peer.Host, (string?)"containerd-shim"))]);
if (crowd == 0 && Wanted("memory: idle daemon, fresh")) report.Memory("memory: idle daemon, fresh");
foreach (var engine in report.Engines) BenchImage.Ensure(engine.Host);
if (crowd > 0)
{
    foreach (var (name, unit, value) in Scale.Crowd(report.Engines[0], wharf.Root, crowd)) report.Value($"{crowd} containers at once: {name}", unit, (_, _) => value);
    report.Print();
    return 0;
}
if (Wanted("run true, --network none")) report.Case("run true, --network none", rounds, engine => Cases.Life(engine, "none"));
if (Wanted("run true, default bridge")) report.Case("run true, default bridge", rounds, engine => Cases.Life(engine, "bridge"));
if (Wanted("exec true")) report.WithSleepers(engine => Cases.StartSleeper(engine, "none"), sleepers => report.Case("exec true", rounds, engine => Cases.Exec(engine, sleepers[engine])));
if (Wanted("stop, signal KILL")) report.Case("stop, signal KILL", rounds, Cases.Stop);
if (Wanted("starts of 50, 8 at a time")) report.Case("starts of 50, 8 at a time", Math.Max(1, rounds / 10), engine => Scale.Starts(engine, 50));
if (Wanted("logs, 200 MB, json-file")) report.Case("logs, 200 MB, json-file", 3, engine => LogCases.Run(engine, "json-file"));
if (Wanted("logs, 200 MB, local")) report.Case("logs, 200 MB, local", 3, engine => LogCases.Run(engine, "local"));
if (Wanted("starts of 100, 8 at a time")) report.Case("starts of 100, 8 at a time", Math.Max(1, rounds / 10), engine => Scale.Starts(engine, 100));
if (Wanted("network: start on the bridge, more than without")) report.Case("network: start on the bridge, more than without", rounds, NetworkCases.Cost);
if (Wanted("network: requests through a port")) report.Value("network: requests through a port", "/s", (engine, _) => NetworkCases.Requests(engine));
if (Wanted("network: download through a port")) report.Value("network: download through a port", "MiB/s", (engine, _) => NetworkCases.Throughput(engine));
if (Wanted("network: names")) report.Value("network: names answered (needs dnsperf)", "/s", (engine, _) => NetworkCases.Names(engine));
if (Wanted("network: 1000 ports"))
{
    var costs = report.Engines.ToDictionary(engine => engine, engine => default((double Start, double Memory)));
    report.Value("network: 1000 ports (a range), start", "ms", (engine, mark) => (costs[engine] = NetworkCases.ManyPorts(engine, mark)).Start);
    report.Value("network: 1000 ports (a range), memory (PSS)", "MiB", (engine, _) => costs[engine].Memory);
}
if (Wanted("memory: each of 50 running")) report.Value("memory: each of 50 running (PSS)", "MiB", (engine, mark) => Scale.MemoryEach(engine, mark, 50));
if (Wanted("memory: idle daemon, after the runs")) report.Memory("memory: idle daemon, after the runs");
report.Print();
return 0;
