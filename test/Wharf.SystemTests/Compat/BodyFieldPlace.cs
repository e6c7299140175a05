using System.Globalization;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Compat;

/// <summary>What the rows of <see cref="BodyFieldTests"/> name by %words%: a network, another container, a directory of the host; made when first named, gone at the end.</summary>
internal sealed class BodyFieldPlace(EngineFixture engine) : IAsyncDisposable
{
    private readonly string _unique = Guid.NewGuid().ToString("N")[..8];
    private readonly HashSet<string> _made = [];

    public string Name => $"field-{_unique}";
    private string Network => $"field-net-{_unique}";
    private string Other => $"field-other-{_unique}";
    private string Directory => Path.Combine(engine.Root, $"field-{_unique}");
    /// <summary>The third part of the network's addresses.</summary>
    private int Part => int.Parse(_unique[..2], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Puts what is meant where the words stand.</summary>
    public async Task<string> FillAsync(string text)
    {
        if (text.Contains("%net%", StringComparison.Ordinal) && _made.Add("net"))
            (await engine.DockerAsync("network", "create", "--subnet", $"10.213.{Part}.0/24", "--ipv6", "--subnet", $"fd77:213:1{Part:x2}::/64", Network)).ShouldExit(0);
        if (text.Contains("%other%", StringComparison.Ordinal) && _made.Add("other"))
        {
            (await engine.DockerAsync("run", "-d", "--init", "--name", Other, "-v", "/data", "busybox:latest", "sleep", "1000")).ShouldExit(0);
            (await engine.DockerAsync("exec", Other, "sh", "-c", "echo hello > /data/file")).ShouldExit(0);
        }
        if (text.Contains("%volume%", StringComparison.Ordinal) && _made.Add("volume"))
            (await engine.DockerAsync("run", "--rm", "-v", $"{Name}:/v", "busybox:latest", "sh", "-c", "mkdir /v/sub; echo hello > /v/sub/file")).ShouldExit(0);
        if (text.Contains("%dir%", StringComparison.Ordinal) && _made.Add("dir"))
            await File.WriteAllTextAsync(Path.Combine(System.IO.Directory.CreateDirectory(Directory).FullName, "file"), "hello\n");
        return text.Replace("%net%", Network, StringComparison.Ordinal).Replace("%other%", Other, StringComparison.Ordinal).Replace("%dir%", Directory, StringComparison.Ordinal).Replace("%volume%", Name, StringComparison.Ordinal)
            .Replace("%v4%", $"10.213.{Part}", StringComparison.Ordinal).Replace("%v6%", $"fd77:213:1{Part:x2}:", StringComparison.Ordinal).Replace("%name%", Name, StringComparison.Ordinal)
            .Replace("%disk%", Disk.Path, StringComparison.Ordinal).Replace("%disk number%", Disk.Number, StringComparison.Ordinal)
            .Replace("%host name%", Environment.MachineName, StringComparison.Ordinal).Replace("%host ipc%", File.ResolveLinkTarget("/proc/self/ns/ipc", false)!.Name, StringComparison.Ordinal)
            .Replace("%host capabilities%", File.ReadLines("/proc/self/status").Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))[8..], StringComparison.Ordinal)
            .Replace("%host pid%", File.ResolveLinkTarget("/proc/self/ns/pid", false)!.Name, StringComparison.Ordinal);
    }

    public async Task<JsonNode> InspectAsync(string path)
    {
        using var api = new EngineApi(engine.SocketPath);
        var answer = await api.GetAsync(path);
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    /// <summary>A whole disk of this machine, for limits by device.</summary>
    private static (string Path, string Number) Disk { get; } = System.IO.Directory.EnumerateDirectories("/sys/block").Where(disk => System.IO.Directory.Exists(Path.Combine(disk, "device")) && File.Exists("/dev/" + Path.GetFileName(disk)))
        .Select(disk => ("/dev/" + Path.GetFileName(disk), File.ReadAllText(Path.Combine(disk, "dev")).Trim())).First();

    public async ValueTask DisposeAsync()
    {
        await engine.DockerAsync("rm", "-f", "-v", Name, Other);
        if (_made.Contains("net")) (await engine.DockerAsync("network", "rm", Network)).ShouldExit(0);
        await engine.DockerAsync("volume", "rm", "-f", Name);
        CgroupParent.Remove(Name);
        if (_made.Contains("dir")) System.IO.Directory.Delete(Directory, true);
    }
}
