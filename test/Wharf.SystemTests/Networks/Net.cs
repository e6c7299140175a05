using System.Security.Cryptography;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Networks;

/// <summary>A network of a test, removed at its end with the containers on it.</summary>
public sealed class Net : IAsyncDisposable
{
    private readonly EngineFixture _engine;
    private readonly List<string> _containers = [];

    private Net(EngineFixture engine, string name) => (_engine, Name) = (engine, name);

    public string Name { get; }

    public static async Task<Net> CreateAsync(EngineFixture engine, params string[] options)
    {
        var net = new Net(engine, "wt-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)));
        (await engine.DockerAsync(["network", "create", .. options, net.Name])).ShouldExit(0);
        return net;
    }

    /// <summary>A name no other test has.</summary>
    public string Named(string name) => $"{name}-{Name[3..]}";

    /// <summary>Starts a container on the network; gives its ID.</summary>
    public Task<string> RunAsync(string[] options, params string[] command) => RunDetachedAsync(["--network", Name, .. options], command);

    /// <summary>Starts a container anywhere that goes with this network.</summary>
    public async Task<string> RunDetachedAsync(string[] options, params string[] command)
    {
        var result = await _engine.DockerAsync(["run", "-d", .. options, "busybox", .. command.Length > 0 ? command : ["sleep", "1000"]]);
        if (result.Out.Trim() is { Length: 64 } id) _containers.Add(id);
        return result.ShouldExit(0).Text;
    }

    public async ValueTask DisposeAsync()
    {
        if (_containers.Count > 0) await _engine.DockerAsync(["rm", "-f", "-v", .. _containers]);
        await _engine.DockerAsync("network", "rm", Name);
    }
}

/// <summary>Looks at containers.</summary>
public static class Look
{
    public static async Task<string> AtAsync(EngineFixture engine, string container, string template) => (await engine.DockerAsync("inspect", container, "--format", template)).ShouldExit(0).Text;
    public static Task<string> AddressAsync(EngineFixture engine, string container, string network) => AtAsync(engine, container, $"{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    public static Task<string> Address6Async(EngineFixture engine, string container, string network) => AtAsync(engine, container, $"{{{{(index .NetworkSettings.Networks \"{network}\").GlobalIPv6Address}}}}");

    /// <summary>A program of the host's in a container's network namespace.</summary>
    public static async Task<CommandResult> InNetworkOfAsync(EngineFixture engine, string container, params string[] command) =>
        await CommandResult.RunAsync("nsenter", ["-t", await AtAsync(engine, container, "{{.State.Pid}}"), "-n", .. command]);

    /// <summary>dig's answers, one a line, in order.</summary>
    public static async Task<string[]> DigAsync(EngineFixture engine, string container, params string[] question) =>
        [.. (await InNetworkOfAsync(engine, container, ["dig", "@127.0.0.11", "+tries=1", "+time=2", "+short", .. question])).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order()];

    /// <summary>dig's status word: NOERROR, NXDOMAIN, SERVFAIL; empty without an answer.</summary>
    public static async Task<string> StatusAsync(EngineFixture engine, string container, params string[] question)
    {
        var text = (await InNetworkOfAsync(engine, container, ["dig", "@127.0.0.11", "+tries=1", "+time=2", .. question])).Out;
        int at = text.IndexOf("status: ", StringComparison.Ordinal);
        return at < 0 ? "" : text[(at + 8)..text.IndexOf(',', at)];
    }
}
