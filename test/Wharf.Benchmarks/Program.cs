using Wharf.Benchmarks;

// Measures Wharf and, beside it in the same run, any other engine that speaks the Docker Engine API:
//   ./dev bench [--rounds N] [NAME=unix:///path.sock ...]
// Without names, real dockerd is used if one answers on WHARF_PEER_HOST or the peers' usual socket.
int rounds = 30;
var peers = new List<(string Name, string Host)>();
for (int i = 0; i < args.Length; i++)
{
    if (args[i] == "--rounds") rounds = int.Parse(args[++i]);
    else if (args[i].Split('=', 2) is [var name, var host] && host.StartsWith("unix://", StringComparison.Ordinal)) peers.Add((name, host));
    else { Console.Error.WriteLine($"bench: unknown argument {args[i]}: expected --rounds N or NAME=unix:///path.sock"); return 2; }
}
if (peers.Count == 0)
{
    var host = Environment.GetEnvironmentVariable("WHARF_PEER_HOST") ?? "unix:///run/peer-docker.sock";
    if (File.Exists(host["unix://".Length..])) peers.Add(("dockerd", host));
    else Console.Error.WriteLine("bench: no peer given and none found: measuring Wharf alone");
}

using var wharf = new WharfProcess(Environment.GetEnvironmentVariable("WHARF_OUT") ?? Path.Combine(Directory.GetCurrentDirectory(), "out"));
using var report = new Report([("wharf", wharf.Host, wharf.Root), .. peers.Select(peer => (peer.Name, peer.Host, (string?)null))]);
Settle();
report.Memory("idle daemon, fresh");
foreach (var engine in report.Engines) BenchImage.Ensure(engine.Host);
report.Case("run true, --network none", rounds, engine => Cases.Life(engine, "none"));
report.Case("run true, default bridge", rounds, engine => Cases.Life(engine, "bridge"));
report.WithSleepers(engine => Cases.StartSleeper(engine, "none"), sleepers => report.Case("exec true", rounds, engine => Cases.Exec(engine, sleepers[engine])));
Settle();
report.Memory("idle daemon, after the runs");
report.Print();
return 0;

// Idle means that nothing was asked for a while: both engines have had time to let go of what the work needed.
static void Settle() => Thread.Sleep(TimeSpan.FromSeconds(8));
