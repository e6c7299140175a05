using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>buildx's driver <c>remote</c>: BuildKit's protocol on sockets of its own (<c>wharf daemon --buildkit-addr</c>), as buildkitd serves it.</summary>
public sealed class RemoteDriverTests : IDisposable
{
    private const string Name = "wharf-remote";
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-remote-").FullName;

    public void Dispose() => Directory.Delete(_context, recursive: true);

    private static Dictionary<string, string> Client(OwnDaemon daemon)
    {
        Buildx.Require("docker-buildx");
        return new() { ["DOCKER_HOST"] = $"unix://{daemon.Socket}", ["DOCKER_CONFIG"] = DockerPlugins.Config(Path.Combine(daemon.Root, "config")), ["BUILDKIT_PROGRESS"] = "plain" };
    }

    private static Task<CommandResult> DockerAsync(OwnDaemon daemon, params string[] args) => CommandResult.RunAsync("docker", args, null, 120, Client(daemon));

    private static async Task<OwnDaemon> StartAsync()
    {
        var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--buildkit-addr", $"unix://{root}/b.sock"]);
        await daemon.ImportBusyboxAsync();
        (await DockerAsync(daemon, "buildx", "create", "--name", Name, "--driver", "remote", $"unix://{daemon.Root}/b.sock")).ShouldExit(0);
        return daemon;
    }

    private Task<CommandResult> BuildAsync(OwnDaemon daemon, params string[] args) => DockerAsync(daemon, ["buildx", "build", "--builder", Name, .. args, _context]);

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_context, name), text);

    [Fact]
    public async Task What_it_builds_is_loaded_pushed_and_written_to_files()
    {
        await using var daemon = await StartAsync();
        File.GetUnixFileMode(Path.Combine(daemon.Root, "b.sock")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        Write("Dockerfile", "FROM busybox\nARG WHO\nCOPY f /f\nRUN --mount=type=secret,id=s echo \"$WHO $(cat /f) $(cat /run/secrets/s)\" > /told\n");
        Write("f", "copied");
        Write("s", "hidden");
        string[] arguments = ["--build-arg", "WHO=remote", "--secret", $"id=s,src={_context}/s"];
        (await BuildAsync(daemon, [.. arguments, "--load", "-t", "loaded"])).ShouldExit(0);
        (await DockerAsync(daemon, "run", "--rm", "loaded", "cat", "/told")).ShouldExit(0).Text.ShouldBe("remote copied hidden");
        (await BuildAsync(daemon, [.. arguments, "-o", $"type=local,dest={_context}/out"])).ShouldExit(0).Error.ShouldContain("CACHED");
        (await File.ReadAllTextAsync($"{_context}/out/told", TestContext.Current.CancellationToken)).ShouldBe("remote copied hidden\n");
        await using var registry = await LocalRegistry.StartAsync();
        (await BuildAsync(daemon, [.. arguments, "--push", "-t", $"{registry.Address}/remote/pushed:1", "--metadata-file", $"{_context}/meta"])).ShouldExit(0);
        var digest = JsonNode.Parse(await File.ReadAllTextAsync($"{_context}/meta", TestContext.Current.CancellationToken))!["containerimage.digest"]!.GetValue<string>();
        (await DockerAsync(daemon, "pull", $"{registry.Address}/remote/pushed@{digest}")).ShouldExit(0);
        (await DockerAsync(daemon, "run", "--rm", $"{registry.Address}/remote/pushed@{digest}", "cat", "/told")).ShouldExit(0).Text.ShouldBe("remote copied hidden");
    }

    [Fact]
    public async Task It_is_inspected_told_of_and_pruned()
    {
        await using var daemon = await StartAsync();
        var inspected = (await DockerAsync(daemon, "buildx", "inspect", "--bootstrap", Name)).ShouldExit(0).Out;
        inspected.ShouldMatch("Driver: +remote");
        inspected.ShouldMatch("Status: +running");
        inspected.ShouldMatch("BuildKit version: +v0");
        inspected.ShouldMatch("Platforms: +linux/");
        Write("Dockerfile", "FROM busybox\nRUN echo much > /much\n");
        (await BuildAsync(daemon)).ShouldExit(0);
        (await DockerAsync(daemon, "buildx", "du", "--builder", Name, "--verbose")).ShouldExit(0).Out.ShouldContain("RUN echo much > /much");
        (await DockerAsync(daemon, "buildx", "history", "ls", "--builder", Name, "--format", "{{.Status}}")).ShouldExit(0).Text.ShouldBe("Completed");
        (await DockerAsync(daemon, "buildx", "prune", "--builder", Name, "--all", "--force")).ShouldExit(0).Out.ShouldContain("Total:");
        (await DockerAsync(daemon, "buildx", "du", "--builder", Name, "--verbose")).ShouldExit(0).Out.ShouldNotContain("RUN echo much");
    }

    [Fact]
    public async Task A_failed_step_is_told_with_its_place_and_a_cancelled_one_ends()
    {
        await using var daemon = await StartAsync();
        Write("Dockerfile", "FROM busybox\nRUN echo out of luck && exit 7\n");
        var failed = (await BuildAsync(daemon)).ShouldExit(1).Error;
        failed.ShouldContain("Dockerfile:2");
        failed.ShouldContain("exit code: 7");
        Write("Dockerfile", "FROM busybox\nRUN echo began && sleep 986\n");
        var start = new ProcessStartInfo("docker", ["buildx", "build", "--builder", Name, _context]) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var (name, value) in Client(daemon)) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(CommandResult.Patience(60));
        while (await process.StandardError.ReadLineAsync(patience.Token) is { } line && !(line.Contains(" began", StringComparison.Ordinal) && !line.Contains("RUN", StringComparison.Ordinal))) { }
        // Not asked nicely: the connection ends, and with it the build.
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync(patience.Token);
        while ((await CommandResult.RunAsync("pgrep", ["-xf", "sleep 986"])).ExitCode == 0) await Task.Delay(50, patience.Token);
        (await DockerAsync(daemon, "ps", "-aq")).ShouldExit(0).Text.ShouldBe("");
    }

    [Fact]
    public async Task Over_a_network_only_who_has_a_certificate_of_the_authority_may_build()
    {
        int port = FreePort();
        string[] refused = ["daemon", "--data-root", "/tmp/wharf-never", "--exec-root", "/tmp/wharf-never-run", "--buildkit-addr"];
        var program = Path.Combine(EngineFixture.Binaries, "wharf");
        (await CommandResult.RunAsync(program, [.. refused, $"tcp://127.0.0.1:{port}"])).ShouldExit(1).Error.ShouldContain("would let anyone who reaches it build on this machine");
        (await CommandResult.RunAsync(program, [.. refused, "fd://"])).ShouldExit(1).Error.ShouldContain("invalid value \"fd://\" for option \"buildkit-addr\"");
        await using var daemon = await OwnDaemon.StartAsync(root =>
        {
            Certificates.Write(root);
            return ["-H", $"unix://{root}/w.sock", "--buildkit-addr", $"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", $"{root}/ca.pem", "--tlscert", $"{root}/server.pem", "--tlskey", $"{root}/server-key.pem"];
        });
        await daemon.ImportBusyboxAsync();
        Write("Dockerfile", "FROM busybox\nRUN echo by wire > /told\n");
        foreach (var who in new[] { "alice", "stranger" })
            (await DockerAsync(daemon, "buildx", "create", "--name", who, "--driver", "remote", "--driver-opt", $"cacert={daemon.Root}/ca.pem,cert={daemon.Root}/{who}.pem,key={daemon.Root}/{who}-key.pem", $"tcp://127.0.0.1:{port}")).ShouldExit(0);
        (await DockerAsync(daemon, "buildx", "build", "--builder", "alice", "--load", "-t", "wired", _context)).ShouldExit(0);
        (await DockerAsync(daemon, "run", "--rm", "wired", "cat", "/told")).ShouldExit(0).Text.ShouldBe("by wire");
        (await DockerAsync(daemon, "buildx", "build", "--builder", "stranger", _context)).ExitCode.ShouldNotBe(0);
    }

    private static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}
