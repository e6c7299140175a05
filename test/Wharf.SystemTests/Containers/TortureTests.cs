using System.Globalization;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>
/// Random operations from eight clients while the daemon is killed at random moments; afterwards nothing is lost, doubled or left. The
/// choices come from a seed (WHARF_TORTURE_SEED; told on failure), so that a run can be repeated. Short by default; the long form is
/// <c>./dev torture 200 50</c> (containers, kills).
/// </summary>
public sealed class TortureTests(ITestOutputHelper output)
{
    private const int Clients = 8;

    [Fact]
    public async Task Nothing_is_lost_or_left_however_often_the_daemon_is_killed()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 }, "kills the daemon");
        var size = (Environment.GetEnvironmentVariable("WHARF_TORTURE") ?? "24,4").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WHARF_TORTURE_SEED"), out int given) ? given : Random.Shared.Next();
        output.WriteLine($"WHARF_TORTURE={size[0]},{size[1]} WHARF_TORTURE_SEED={seed}");
        var engine = new EngineFixture();
        await using (engine)
        {
            await engine.InitializeAsync();
            using var done = new CancellationTokenSource();
            var clients = Enumerable.Range(0, Clients).Select(number => new TortureClient(engine, number, size[0] / Clients, new Random(seed + number))).ToList();
            var working = clients.Select(client => Task.Run(() => client.RunAsync(done.Token))).ToList();
            try
            {
                var random = new Random(seed - 1);
                for (int kill = 0; kill < size[1]; kill++)
                {
                    await Task.Delay(random.Next(300, 3000));
                    await engine.KillDaemonAsync();
                    await Task.Delay(random.Next(0, 500));
                    await engine.StartDaemonAsync();
                }
                await Task.Delay(1000);
            }
            finally { await done.CancelAsync(); }
            await Task.WhenAll(working);
            output.WriteLine($"{clients.Sum(client => client.Done)} operations answered, {clients.Sum(client => client.Unanswered)} cut off");
            foreach (var client in clients) await client.SettleAsync();
            await VerifyAsync(engine, clients);
            (await engine.WharfAsync("system", "check")).ShouldExit(0);
            foreach (var client in clients) await client.RemoveAllAsync();
            for (int i = 0; i < 100 && Directory.GetDirectories(Path.Combine(engine.DataRoot, "containers")).Length > 0; i++) await Task.Delay(100);
            Directory.GetDirectories(Path.Combine(engine.DataRoot, "containers")).ShouldBeEmpty();
        }
    }

    private async Task VerifyAsync(EngineFixture engine, List<TortureClient> clients)
    {
        var there = (await engine.DockerAsync("ps", "-a", "--format", "{{.Names}}")).ShouldExit(0).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        there.Distinct().Count().ShouldBe(there.Count, "doubled containers");
        int total = 0;
        foreach (var victim in clients.SelectMany(client => client.Victims))
        {
            if (victim.Exists is { } exists) there.Contains(victim.Name).ShouldBe(exists, $"{victim.Name}: {victim.History}");
            if (!there.Contains(victim.Name)) continue;
            var lines = (await engine.DockerAsync("logs", victim.Name)).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(' ')).ToLookup(parts => int.Parse(parts[0], CultureInfo.InvariantCulture), parts => int.Parse(parts[1], CultureInfo.InvariantCulture));
            foreach (var (run, written) in await victim.WrittenAsync(engine))
            {
                // Each line of the run once, in order, none missing.
                lines[run].ShouldBe(Enumerable.Range(1, lines[run].Count()), $"{victim.Name}, run {run}: {victim.History}");
                // One that was ended between noting a line and writing it has one less; between emptying its note and filling it, who knows.
                if (written >= 0) lines[run].Count().ShouldBeInRange(Math.Max(0, written - 1), written, $"{victim.Name}, run {run}: {victim.History}");
                total += lines[run].Count();
            }
        }
        output.WriteLine($"{total} lines of logs, each there once");
    }
}
