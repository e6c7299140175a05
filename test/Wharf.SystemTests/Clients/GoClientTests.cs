using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>
/// Docker's own client for Go, on which most tools of others stand: the packages of Docker 28, and of Engine 29 and later. Programs of <c>GoClient</c> print all they see;
/// <c>expected.txt</c> beside them is what they printed on dockerd 28.5.
/// </summary>
public sealed class GoClientTests(EngineFixture engine)
{
    private const string Root = "/var/tmp/wharf-test/go";

    [Theory]
    [InlineData("walk"), InlineData("newest")]
    [Covers("SystemPing"), Covers("ImageBuild"), Covers("ImageGet"), Covers("ImageLoad"), Covers("ImagePush"), Covers("ImageCreate"), Covers("DistributionInspect"), Covers("ContainerAttach"), Covers("ContainerWait")]
    [Covers("ContainerStats", "stream"), Covers("ContainerResize"), Covers("ExecResize"), Covers("ExecStart"), Covers("PutContainerArchive"), Covers("ContainerArchive"), Covers("SystemEvents"), Covers("SystemDataUsage")]
    public async Task A_program_in_go_sees_what_it_sees_of_dockerd(string name)
    {
        var program = await BuildAsync(name);
        await using var registry = await LocalRegistry.StartAsync();
        var result = await CommandResult.RunAsync(program, [engine.Host, registry.Address], null, 180);
        result.ShouldExit(0).Out.ShouldBe(await File.ReadAllTextAsync(Path.Combine(Sources(name), "expected.txt")), result.Error);
    }

    private static string Sources(string name) => Path.Combine(AppContext.BaseDirectory, "Clients/GoClient", name);

    /// <summary>Compiles a program with the compiler and libraries that test.sh fetches; what was compiled before is kept beside them.</summary>
    private async Task<string> BuildAsync(string name)
    {
        if (!File.Exists(Path.Combine(Root, "complete"))) Assert.Skip($"no Go and no client of docker's in {Root} (test.sh fetches them)");
        var home = Directory.GetDirectories(Path.Combine(Root, "usr/lib"), "go-*").Single();
        var program = Path.Combine(engine.Root, $"go-{name}");
        var environment = new Dictionary<string, string>
        {
            ["GO111MODULE"] = "off",
            ["CGO_ENABLED"] = "0",
            ["GOFLAGS"] = "",
            ["GOROOT"] = home,
            ["GOPATH"] = Path.Combine(Root, "usr/share/gocode"),
            ["GOCACHE"] = Path.Combine(Root, "cache"),
        };
        (await CommandResult.RunAsync(Path.Combine(home, "bin/go"), ["build", "-o", program, .. Directory.GetFiles(Sources(name), "*.go")], null, 300, environment)).ShouldExit(0);
        return program;
    }
}
