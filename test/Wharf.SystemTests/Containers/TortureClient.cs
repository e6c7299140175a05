using System.Formats.Tar;
using System.Globalization;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Containers;

/// <summary>A container of the torture test and what is known of it.</summary>
internal sealed class Victim(string name)
{
    // Each run has a number and counts its lines; how far it has come is noted in a file of its own before each line.
    private const string Script = "mkdir -p /p; r=1; while [ -e /p/$r ]; do r=$((r+1)); done; i=0; echo 0 > /p/$r; while :; do i=$((i+1)); echo $i > /p/$r; echo $r $i; sleep 0.05; done";

    public string Name { get; } = name;
    /// <summary>Null when a request that would tell was cut off.</summary>
    public bool? Exists { get; set; } = false;
    public string History { get; set; } = "";

    public static string Body => $$$"""{"Image":"busybox","Cmd":["sh","-c","{{{Script}}}"],"HostConfig":{"NetworkMode":"none"}}""";

    /// <summary>How many lines each run says it has written, or was just about to.</summary>
    public async Task<Dictionary<int, int>> WrittenAsync(EngineFixture engine)
    {
        var written = new Dictionary<int, int>();
        var copied = await engine.DockerAsync("cp", $"{Name}:/p", "-");
        if (copied.ExitCode != 0) return written; // it never ran
        using var tar = new TarReader(new MemoryStream(Encoding.Latin1.GetBytes(copied.Out)));
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is not { } data) continue;
            using var reader = new StreamReader(data);
            written[int.Parse(Path.GetFileName(entry.Name), CultureInfo.InvariantCulture)] = int.TryParse(reader.ReadToEnd().Trim(), CultureInfo.InvariantCulture, out int lines) ? lines : -1;
        }
        return written;
    }
}

/// <summary>One client of the torture test: does to its own containers what its random numbers say.</summary>
internal sealed class TortureClient(EngineFixture engine, int number, int containers, Random random)
{
    public List<Victim> Victims { get; } = [.. Enumerable.Range(0, containers).Select(i => new Victim($"victim-{number}-{i}"))];
    public int Done { get; private set; }
    public int Unanswered { get; private set; }

    public async Task RunAsync(CancellationToken stop)
    {
        using var api = new ApiClient(engine);
        while (!stop.IsCancellationRequested)
        {
            var victim = Victims[random.Next(Victims.Count)];
            int choice = random.Next(100);
            try
            {
                await ActAsync(api, victim, choice);
                Done++;
            }
            catch (Exception error) when (error is HttpRequestException or IOException or System.Net.Sockets.SocketException or TaskCanceledException)
            {
                Unanswered++;
                victim.History += "✗ ";
                // No answer: it may have been done or not.
                if (choice is < 30 or >= 90) victim.Exists = null;
                await Task.Delay(random.Next(20, 100), CancellationToken.None);
            }
        }
    }

    private async Task ActAsync(ApiClient api, Victim victim, int choice)
    {
        var path = "containers/" + victim.Name;
        switch (choice)
        {
            case < 30:
                victim.History += "create ";
                Expect(victim, (await api.PostAsync("containers/create?name=" + victim.Name, Victim.Body)).Status, 201, 409);
                victim.Exists = true;
                break;
            case < 55: await DoAsync(api, victim, path + "/start", 204, 304, 404, 409); break;
            case < 62: await DoAsync(api, victim, path + "/stop?t=0", 204, 304, 404); break;
            case < 68: await DoAsync(api, victim, path + "/kill", 204, 404, 409); break;
            case < 74: await DoAsync(api, victim, path + "/restart?t=0", 204, 404, 409); break;
            case < 78: await DoAsync(api, victim, path + "/pause", 204, 404, 409); break;
            case < 84: await DoAsync(api, victim, path + "/unpause", 204, 404, 409); break;
            case < 90:
                victim.History += "exec ";
                await engine.DockerAsync("exec", victim.Name, "true"); // fails when it does not run or the daemon is down: only what it leaves behind counts
                break;
            default:
                victim.History += "rm ";
                Expect(victim, (await api.SendAsync(HttpMethod.Delete, path + "?force=1")).Status, 204, 404, 409);
                victim.Exists = false;
                break;
        }
    }

    private static async Task DoAsync(ApiClient api, Victim victim, string path, params int[] expected)
    {
        victim.History += path[(path.LastIndexOf('/') + 1)..] + " ";
        Expect(victim, (await api.PostAsync(path)).Status, expected);
    }

    private static void Expect(Victim victim, int status, params int[] expected)
    {
        victim.History += status + " ";
        expected.ShouldContain(status, $"{victim.Name}: {victim.History}");
    }

    /// <summary>Ends all runs, so that logs do not grow any more.</summary>
    public async Task SettleAsync()
    {
        using var api = new ApiClient(engine);
        foreach (var victim in Victims) (await api.PostAsync($"containers/{victim.Name}/stop?t=0")).Status.ShouldBeOneOf(204, 304, 404);
    }

    public async Task RemoveAllAsync()
    {
        using var api = new ApiClient(engine);
        foreach (var victim in Victims) await api.RemoveAsync(victim.Name);
    }
}
