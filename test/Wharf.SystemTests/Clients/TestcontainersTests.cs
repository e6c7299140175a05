using System.Text;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Containers;
using DotNet.Testcontainers.Images;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Clients;

/// <summary>Testcontainers for .NET. Its reaper (an image of a public registry) is off; all is removed by the test.</summary>
public sealed class TestcontainersTests : IDisposable
{
    private readonly EngineFixture _engine;
    private readonly string _directory;

    public TestcontainersTests(EngineFixture engine)
    {
        _engine = engine;
        _directory = Directory.CreateDirectory(Path.Combine(engine.Root, "testcontainers")).FullName;
        TestcontainersSettings.ResourceReaperEnabled = false;
    }

    private string Suffix { get; } = Guid.NewGuid().ToString("N")[..8];

    [Fact]
    [Covers("ContainerCreate"), Covers("PutContainerArchive"), Covers("ContainerArchive"), Covers("ImageBuild")]
    public async Task Containers_are_waited_for_talked_to_and_removed()
    {
        await using var network = new NetworkBuilder().WithDockerEndpoint(_engine.Host).WithName($"tc-{Suffix}").Build();
        await using var volume = new VolumeBuilder().WithDockerEndpoint(_engine.Host).WithName($"tc-{Suffix}").Build();
        await network.CreateAsync();
        await volume.CreateAsync();
        await using var web = new ContainerBuilder("busybox:latest").WithDockerEndpoint(_engine.Host).WithImagePullPolicy(PullPolicy.Missing)
            .WithCommand("sh", "-c", "trap 'exit 0' TERM; mkdir -p /www; cp /etc/greeting /www/index.html; echo serving; httpd -f -p 8080 -h /www & wait")
            .WithPortBinding(8080, assignRandomHostPort: true).WithEnvironment("A", "b").WithNetwork(network).WithNetworkAliases("web").WithVolumeMount(volume, "/data")
            .WithResourceMapping("hello"u8.ToArray(), "/etc/greeting")
            .WithWaitStrategy(Wait.ForUnixContainer().UntilMessageIsLogged("serving").UntilInternalTcpPortIsAvailable(8080).UntilHttpRequestIsSucceeded(request => request.ForPort(8080).ForPath("/")))
            .Build();
        await web.StartAsync();
        using var http = new HttpClient();
        (await http.GetStringAsync($"http://{web.Hostname}:{web.GetMappedPublicPort(8080)}/")).ShouldBe("hello");
        var result = await web.ExecAsync(["sh", "-c", "echo $A; echo err >&2; exit 3"]);
        (result.ExitCode, result.Stdout, result.Stderr).ShouldBe((3, "b\n", "err\n"));
        await web.CopyAsync("copied"u8.ToArray(), "/data/f");
        Encoding.UTF8.GetString(await web.ReadFileAsync("/data/f")).ShouldBe("copied");
        (await web.GetLogsAsync(timestampsEnabled: false)).Stdout.ShouldBe("serving\n");
        await UseBuiltImageAsync(network);
        await web.StopAsync();
        web.State.ShouldBe(TestcontainersStates.Exited);
        (await web.GetExitCodeAsync()).ShouldBe(0);
    }

    private async Task UseBuiltImageAsync(DotNet.Testcontainers.Networks.INetwork network)
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "Dockerfile"), "FROM busybox:latest\nARG X\nRUN echo $X > /built\nHEALTHCHECK --interval=200ms CMD true\nCMD [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 600 & wait\"]\n");
        var image = new ImageFromDockerfileBuilder().WithDockerEndpoint(_engine.Host).WithDockerfileDirectory(_directory).WithBuildArgument("X", "y").WithName($"tc-built:{Suffix}").Build();
        await image.CreateAsync();
        await using (var client = new ContainerBuilder(image).WithDockerEndpoint(_engine.Host).WithNetwork(network).WithWaitStrategy(Wait.ForUnixContainer().UntilContainerIsHealthy()).Build())
        {
            await client.StartAsync();
            client.Health.ShouldBe(TestcontainersHealthStatus.Healthy);
            (await client.ExecAsync(["wget", "-qO-", "http://web:8080/"])).Stdout.ShouldBe("hello");
            (await client.ExecAsync(["cat", "/built"])).Stdout.ShouldBe("y\n");
            await client.PauseAsync();
            client.State.ShouldBe(TestcontainersStates.Paused);
            await client.UnpauseAsync();
        }
        await image.DeleteAsync();
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
