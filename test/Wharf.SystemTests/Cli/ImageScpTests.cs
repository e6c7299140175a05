using System.Net;
using System.Net.Sockets;
using System.Text;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Cli;

/// <summary><c>wharf image scp</c>: images from engine to engine without a registry.</summary>
public sealed class ImageScpTests(EngineFixture engine)
{
    [Fact]
    public async Task An_image_goes_to_another_engine_and_comes_back_under_a_new_name_that_moves_no_other()
    {
        await using var other = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock"]);
        using var cli = new WharfCli(engine);
        async Task<string> Output(params string[] args) => (await cli.RunAsync(args)).ShouldExit(0).Text;
        async Task<string> Id(string host, string image) => (await cli.RunAsync("-H", host, "image", "inspect", "-f", "{{.Id}}", image)).ShouldExit(0).Text;
        var far = $"unix://{other.Socket}";
        await Output("context", "create", "far", "--docker", $"host={far}");
        await Output("build", "-q", "-t", "scp:one", "--label", "n=1", await ContextAsync(cli, "one"));
        await Output("build", "-q", "-t", "scp:two", "--label", "n=2", await ContextAsync(cli, "two"));
        var (one, two) = (await Id(engine.Host, "scp:one"), await Id(engine.Host, "scp:two"));

        (await Output("image", "scp", "scp:one", "far::")).ShouldBe("Loaded image: scp:one");
        (await Id(far, "scp:one")).ShouldBe(one);
        // Another image under another name: scp:one over there stays what it is, and no scp:two comes to be.
        (await Output("image", "scp", "scp:two", "far::renamed")).ShouldBe($"Loaded image ID: {two}\nTagged: renamed:latest");
        (await Id(far, "renamed")).ShouldBe(two);
        (await Id(far, "scp:one")).ShouldBe(one);
        (await cli.RunAsync("-H", far, "image", "inspect", "scp:two")).ExitCode.ShouldBe(1);
        (await cli.RunAsync("-H", far, "run", "--rm", "renamed", "cat", "/word")).ShouldExit(0).Text.ShouldBe("two");

        await Output("rmi", "scp:one");
        (await Output("image", "scp", "-q", $"{far}::scp:one")).ShouldBe("");
        (await Id(engine.Host, "scp:one")).ShouldBe(one);
        // Between two others, neither of which is the engine in force.
        cli.Environment["DOCKER_HOST"] = "unix:///nobody.sock";
        await Output("image", "scp", "far::renamed", $"{engine.Host}::scp:back");
        (await Id(engine.Host, "scp:back")).ShouldBe(two);
        (await cli.RunAsync("-H", engine.Host, "rmi", "-f", one, two)).ShouldExit(0);
    }

    private static async Task<string> ContextAsync(WharfCli cli, string word)
    {
        var directory = Directory.CreateDirectory(cli.PathOf("context-" + word)).FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "word"), word);
        await File.WriteAllTextAsync(Path.Combine(directory, "Dockerfile"), "FROM busybox\nCOPY word /word\n");
        return directory;
    }

    [Fact]
    public async Task A_host_that_is_no_context_is_reached_by_ssh()
    {
        await using var other = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock"]);
        using var cli = new WharfCli(engine);
        await cli.StandInForSshAsync($"unix://{other.Socket}");
        (await cli.RunAsync("image", "scp", "busybox", "me@host.test:2222::copied:ssh")).ShouldExit(0).Text.ShouldEndWith("Tagged: copied:ssh");
        (await File.ReadAllTextAsync(cli.PathOf("said"))).ShouldContain("-l me -p 2222 -- host.test");
        (await cli.RunAsync("-H", $"unix://{other.Socket}", "run", "--rm", "copied:ssh", "echo", "here")).ShouldExit(0).Text.ShouldBe("here");
    }

    [Fact]
    public async Task Real_docker_and_wharf_exchange_images()
    {
        using var docker = await PeerDocker.ConnectOrSkipAsync();
        using var cli = new WharfCli(engine);
        try
        {
            (await cli.RunAsync("image", "scp", "busybox", "unix:///run/peer-docker.sock::scp-peer:x")).ShouldExit(0);
            (await cli.RunAsync("image", "scp", "unix:///run/peer-docker.sock::scp-peer:x", $"{engine.Host}::scp-peer:y")).ShouldExit(0);
            (await docker.GetAsync("/images/scp-peer:x/json")).Json["Id"]!.GetValue<string>().ShouldBe((await cli.RunAsync("image", "inspect", "-f", "{{.Id}}", "scp-peer:y")).ShouldExit(0).Text);
            (await cli.RunAsync("rmi", "scp-peer:y")).ShouldExit(0);
        }
        finally { await docker.DeleteAsync("/images/scp-peer:x"); }
    }

    [Fact]
    public async Task A_source_that_breaks_off_is_told_and_leaves_nothing()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = BreakOffAsync(listener);
        using var cli = new WharfCli(engine);
        var before = (await cli.RunAsync("images", "-aq", "--no-trunc")).ShouldExit(0).Text;
        var result = await cli.RunAsync("image", "scp", $"tcp://{listener.LocalEndpoint}::some/image");
        result.ShouldExit(1).Error.ShouldContain($"reading some/image from tcp://{listener.LocalEndpoint}: unexpected EOF");
        await serving;
        (await cli.RunAsync("images", "-aq", "--no-trunc")).ShouldExit(0).Text.ShouldBe(before);
    }

    /// <summary>An engine that promises more of an archive than it sends.</summary>
    private static async Task BreakOffAsync(TcpListener listener)
    {
        using var client = await listener.AcceptTcpClientAsync();
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        foreach (var answer in (string[])["HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nOSType: linux\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n"])
        {
            while (await reader.ReadLineAsync() is { Length: > 0 }) { }
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer));
        }
        await stream.WriteAsync(new byte[100]);
    }

    [Theory]
    [InlineData("::", ":: names no image")]
    [InlineData("busybox", "source and destination are the same engine: use tag")]
    [InlineData("busybox other", "other names no host: write HOST:: for another engine")]
    [InlineData("busybox far::UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase")]
    [InlineData("busybox -oProxyCommand=x::", "unknown shorthand flag: 'o' in -oProxyCommand=x::")]
    [InlineData("-- busybox -oProxyCommand=x::", "invalid bind address (ssh://-oProxyCommand=x): no host")]
    [InlineData("no-such-image unix:///nobody.sock::", "No such image: no-such-image")]
    public async Task What_cannot_be_copied_is_refused(string arguments, string message)
    {
        using var cli = new WharfCli(engine);
        (await cli.RunAsync(["image", "scp", .. arguments.Split(' ')])).Error.ShouldContain(message);
    }
}
