using System.Diagnostics;
using System.Formats.Tar;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>A dockerd of its own with wharf-runtime as an added runtime: by way of containerd's shim, which speaks to it as to runc.</summary>
public sealed class DockerdTests : IAsyncLifetime
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-dockerd-").FullName;
    private Dictionary<string, string> _environment = [];
    private Process? _daemon;

    private string Host => $"unix://{_root}/sock";

    public async ValueTask InitializeAsync()
    {
        var dockerd = OtherEngine.Find("dockerd");
        // In a network namespace of its own: neither its rules nor its bridge meet anybody's.
        _daemon = OtherEngine.Start(["unshare", "--net", .. dockerd, "--data-root", _root + "/data", "--exec-root", _root + "/exec", "--pidfile", _root + "/pid", "-H", Host, "--storage-driver", "vfs",
            "--bridge", "none", "--iptables=false", "--add-runtime", $"wharf={Bundle.Runtime}"], _root + "/log");
        _environment = new() { ["DOCKER_HOST"] = Host };
        var patience = Stopwatch.StartNew();
        while ((await DockerAsync("version")).ExitCode != 0)
        {
            // It is not Wharf that is tested by its start: a machine on which it cannot run has its reason.
            if (_daemon.HasExited) Assert.Skip("dockerd does not start here: " + (await File.ReadAllLinesAsync(_root + "/log")).LastOrDefault());
            patience.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(2), "dockerd does not answer");
            await Task.Delay(200);
        }
        var tar = _root + "/rootfs.tar";
        TarFile.CreateFromDirectory(OtherEngine.MakeRootfs(_root), tar, includeBaseDirectory: false);
        (await DockerAsync("import", tar, "bb")).ShouldExit(0);
    }

    private Task<CommandResult> DockerAsync(params string[] args) => CommandResult.RunAsync("docker", args, seconds: 120, environment: _environment);

    private static string[] Options => ["--runtime", "wharf", "--network", "none"];

    [Fact]
    public async Task A_container_of_dockerds_has_limits_takes_execs_and_stops()
    {
        (await DockerAsync(["run", "--rm", .. Options, "bb", "echo", "hello"])).ShouldExit(0).Text.ShouldBe("hello");
        (await DockerAsync(["run", "-d", "--name", "c1", .. Options, "-m", "64m", "--memory-swap", "64m", "--pids-limit", "50", "bb", "sleep", "1000"])).ShouldExit(0);
        (await DockerAsync("exec", "c1", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null")).Text.ShouldBe("67108864");
        (await DockerAsync("exec", "c1", "sh", "-c", "exit 3")).ShouldExit(3);
        var missing = await DockerAsync("exec", "c1", "nothing-of-the-kind");
        missing.ExitCode.ShouldBeOneOf(126, 127); // 126 of dockerd 20.10, which does not look at the reason
        (missing.Out + missing.Error).ShouldContain("executable file not found in $PATH");
        (await DockerAsync("top", "c1")).ShouldExit(0).Text.ShouldContain("sleep 1000");
        (await DockerAsync("pause", "c1")).ShouldExit(0);
        (await DockerAsync("unpause", "c1")).ShouldExit(0);
        (await DockerAsync("update", "-m", "80m", "--memory-swap", "80m", "c1")).ShouldExit(0);
        (await DockerAsync("stats", "--no-stream", "--format", "{{.MemUsage}}", "c1")).ShouldExit(0).Text.ShouldEndWith("/ 80MiB");
        (await DockerAsync("stop", "-t", "0", "c1")).ShouldExit(0);
        (await DockerAsync("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.Runtime}}", "c1")).ShouldExit(0).Text.ShouldBe("exited 137 wharf");
        (await DockerAsync("start", "c1")).ShouldExit(0);
        (await DockerAsync("rm", "-f", "c1")).ShouldExit(0);
        (await DockerAsync(["run", "--rm", .. Options, "bb", "nothing-of-the-kind"])).ShouldExit(127).Error.ShouldContain("exec: \"nothing-of-the-kind\": executable file not found in $PATH");
        (await DockerAsync(["run", "--rm", .. Options, "bb", "/etc"])).ShouldExit(126);

        var terminal = await OtherEngine.OnTerminalAsync(["docker", "run", "--rm", "-it", .. Options, "bb", "sh", "-c", "tty; sleep 1; stty size; exit 7"], _environment);
        terminal.ShouldExit(7);
        terminal.Out.ShouldContain("/dev/pts/0");
        terminal.Out.ShouldContain("33 77");
    }

    public async ValueTask DisposeAsync()
    {
        if (_daemon is { HasExited: false })
        {
            (await CommandResult.RunAsync("kill", [_daemon.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])).ShouldExit(0);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            await _daemon.WaitForExitAsync(patience.Token);
        }
        _daemon?.Dispose();
        foreach (var line in File.ReadLines("/proc/self/mountinfo").ToList())
            if (line.Split(' ')[4] is var at && at.StartsWith(_root, StringComparison.Ordinal)) await CommandResult.RunAsync("umount", ["-l", at]);
        Directory.Delete(_root, recursive: true);
    }
}
