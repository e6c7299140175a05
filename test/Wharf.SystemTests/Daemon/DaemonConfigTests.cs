using System.Globalization;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Transports;
using Xunit;

namespace Wharf.SystemTests.Daemon;

/// <summary>dockerd's flags and daemon.json: what containers get that do not say otherwise, what may change by SIGHUP, what is only checked.</summary>
public sealed class DaemonConfigTests
{
    private static readonly string Wharf = Path.Combine(EngineFixture.Binaries, "wharf");

    [Fact]
    public async Task Containers_get_the_daemons_defaults_and_their_own_word_goes_before()
    {
        await using var daemon = await OwnDaemon.StartAsync(root => ["-H", $"unix://{root}/w.sock", "--default-ulimit", "nofile=1000:2000", "--default-ulimit=core=0", "--default-shm-size", "1m", "--default-ipc-mode=shareable",
            "--no-new-privileges", "--cgroup-parent", "/wharf-config-test", "--seccomp-profile", "unconfined", "--default-cgroupns-mode", "private", "--shutdown-timeout", "5",
            "--live-restore=false", "--userland-proxy=false", "--containerd", "/run/containerd/containerd.sock", "--storage-driver", "overlay2", "--ip6tables=false", "--experimental", "--containerd-namespace", "x"]);
        await daemon.ImportBusyboxAsync();
        const string Shown = "ulimit -n; ulimit -Hn; ulimit -c; df -k /dev/shm | tail -1 | awk '{print $2}'; grep -E 'NoNewPrivs|^Seccomp:' /proc/self/status | tr -d '\\t '";
        (await DockerAsync(daemon, "run", "--rm", "--ipc", "private", "busybox", "sh", "-c", Shown)).ShouldExit(0).Out.ShouldBe("1000\n2000\n0\n1024\nNoNewPrivs:1\nSeccomp:0\n");
        (await DockerAsync(daemon, "run", "--rm", "--ipc", "private", "--ulimit", "nofile=10:20", "--shm-size", "2m", "--security-opt", "no-new-privileges=false", "--security-opt", "seccomp=builtin", "busybox", "sh", "-c", Shown))
            .ShouldExit(0).Out.ShouldBe("10\n20\n0\n2048\nNoNewPrivs:0\nSeccomp:2\n");
        (await DockerAsync(daemon, "run", "-d", "--name", "kept", "busybox", "sleep", "1000")).ShouldExit(0);
        (await DockerAsync(daemon, "exec", "kept", "sh", "-c", Shown)).ShouldExit(0).Out.ShouldStartWith("1000\n2000\n0\n");
        (await DockerAsync(daemon, "exec", "kept", "grep", "-c", "wharf-config-test", $"/proc/1/cgroup")).Out.Trim().ShouldBe("0"); // a namespace of its own
        (await DockerAsync(daemon, "inspect", "-f", "{{.HostConfig.IpcMode}} {{.HostConfig.ShmSize}} {{.HostConfig.CgroupnsMode}} {{.HostConfig.CgroupParent}}|{{.HostConfig.Ulimits}}", "kept")).Out.Trim().ShouldBe("shareable 1048576 private |[]");
        var pid = (await DockerAsync(daemon, "inspect", "-f", "{{.State.Pid}}", "kept")).Out.Trim();
        (await File.ReadAllTextAsync($"/proc/{pid}/cgroup")).ShouldContain("/wharf-config-test/");
        (await DockerAsync(daemon, "info", "-f", "{{.SecurityOptions}}")).Out.ShouldContain("name=seccomp,profile=unconfined name=no-new-privileges".Split(' ')[0]);
        (await DockerAsync(daemon, "rm", "-f", "kept")).ShouldExit(0);
        daemon.Log.ShouldContain("ip6tables=false has no effect");
        CgroupParent.Remove("wharf-config-test");
    }

    [Fact]
    public async Task Hooks_of_a_directory_are_added_to_the_containers_they_are_meant_for()
    {
        await using var daemon = await OwnDaemon.StartAsync(root =>
        {
            Directory.CreateDirectory(Path.Combine(root, "hooks"));
            File.WriteAllText(Path.Combine(root, "hooks", "a.json"), $$$"""
                { "version": "1.0.0", "hook": { "path": "/bin/sh", "args": ["sh", "-c", "echo $STAGE $(cat) >> {{{root}}}/called"], "env": ["STAGE=hook", "PATH=/bin:/usr/bin"] },
                  "when": { "annotations": { "^hooked$": "^yes$" }, "commands": ["^true$"] }, "stages": ["createRuntime", "poststart", "poststop"] }
                """);
            return ["-H", $"unix://{root}/w.sock", "--bridge", "none", "--hooks-dir", Path.Combine(root, "hooks")];
        });
        await daemon.ImportBusyboxAsync();
        var called = Path.Combine(daemon.Root, "called");
        (await DockerAsync(daemon, "run", "--rm", "--network", "none", "busybox", "true")).ShouldExit(0);
        (await DockerAsync(daemon, "run", "--rm", "--network", "none", "--annotation", "hooked=yes", "busybox", "sh", "-c", "exit 0")).ShouldExit(0);
        File.Exists(called).ShouldBeFalse("neither annotation nor command alone will do");
        (await DockerAsync(daemon, "run", "--network", "none", "--name", "hooked", "--annotation", "hooked=yes", "busybox", "true")).ShouldExit(0);
        var id = (await DockerAsync(daemon, "inspect", "-f", "{{.Id}}", "hooked")).Text;
        (await DockerAsync(daemon, "rm", "-f", "hooked")).ShouldExit(0);
        // Nobody waits for the last one.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (File.ReadAllLines(called).Length < 3) await Task.Delay(20, patience.Token);
        var calls = (await File.ReadAllLinesAsync(called, TestContext.Current.CancellationToken)).Select(line => JsonNode.Parse(line["hook ".Length..])!).ToList();
        calls.ShouldAllBe(state => state["id"]!.GetValue<string>() == id && state["annotations"]!["hooked"]!.GetValue<string>() == "yes");
        calls.Select(state => state["status"]!.GetValue<string>()).ShouldBe(["creating", "running", "stopped"]);
    }

    [Theory]
    [InlineData("{", "a.json")]
    [InlineData("{ \"version\": \"1.0.0\", \"hook\": { \"path\": \"/nowhere\" }, \"when\": { \"always\": true }, \"stages\": [\"prestart\"] }", "hook.path: /nowhere")]
    [InlineData("{ \"version\": \"1.0.0\", \"hook\": { \"path\": \"/bin/sh\" }, \"when\": { \"always\": true }, \"stages\": [\"later\"] }", "stages")]
    [InlineData("{ \"version\": \"1.0.0\", \"hook\": { \"path\": \"/bin/sh\" }, \"when\": { }, \"stages\": [\"prestart\"] }", "when: no condition")]
    public async Task A_hook_that_is_wrong_ends_the_daemon_with_its_file(string text, string message)
    {
        var root = Directory.CreateTempSubdirectory("wharf-hooks-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(root, "a.json"), text, TestContext.Current.CancellationToken);
            var daemon = await CommandResult.RunAsync(Wharf, ["daemon", "-H", $"unix://{root}/w.sock", "--data-root", $"{root}/data", "--exec-root", $"{root}/run", "--hooks-dir", root]);
            daemon.ExitCode.ShouldNotBe(0);
            daemon.Error.ShouldContain("a.json");
            daemon.Error.ShouldContain(message);
        }
        finally { Directory.Delete(root, recursive: true); }
    }

    [Fact]
    public async Task SIGHUP_reads_the_file_anew_and_an_event_tells_it()
    {
        var file = "";
        await using var daemon = await OwnDaemon.StartAsync(root =>
        {
            file = Path.Combine(root, "daemon.json");
            File.WriteAllText(file, """{"labels": ["a=1"], "max-concurrent-downloads": 2}""");
            return ["-H", $"unix://{root}/w.sock", "--config-file", file];
        });
        (await DockerAsync(daemon, "info", "-f", "{{.Labels}}")).Out.Trim().ShouldBe("[a=1]");
        var before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        await File.WriteAllTextAsync(file, """{"labels": ["b=2"], "max-concurrent-downloads": 7, "debug": true, "insecure-registries": ["r.example:5000"], "default-shm-size": "32m"}""");
        await HangUpAsync(daemon);
        var reload = await ReloadAsync(daemon, before, 1);
        (await DockerAsync(daemon, "info", "-f", "{{.Labels}} {{.Debug}} {{.RegistryConfig.IndexConfigs}}")).Out.ShouldStartWith("[b=2] true");
        var attributes = reload["Actor"]!["Attributes"]!;
        (await DockerAsync(daemon, "info", "-f", "{{.ID}}")).Out.Trim().ShouldBe(reload["Actor"]!["ID"]!.GetValue<string>());
        attributes["labels"]!.GetValue<string>().ShouldBe("""["b=2"]""");
        attributes["max-concurrent-downloads"]!.GetValue<string>().ShouldBe("7");
        attributes["debug"]!.GetValue<string>().ShouldBe("true");
        attributes["insecure-registries"]!.GetValue<string>().ShouldBe("""["r.example:5000"]""");
        attributes["default-shm-size"]!.GetValue<string>().ShouldBe("33554432");

        // What is wrong changes nothing, and the daemon goes on.
        await File.WriteAllTextAsync(file, """{"labels": ["c=3"], "no-such-key": 1}""");
        await HangUpAsync(daemon);
        for (int i = 0; i < 100 && !daemon.Log.Contains("the configuration stays as it was", StringComparison.Ordinal); i++) await Task.Delay(100);
        daemon.Log.ShouldContain("no-such-key");
        (await DockerAsync(daemon, "info", "-f", "{{.Labels}}")).Out.Trim().ShouldBe("[b=2]");
    }

    [Fact]
    public async Task The_time_between_the_stop_signal_and_KILL_is_the_daemons_where_the_container_says_nothing()
    {
        var file = "";
        await using var daemon = await OwnDaemon.StartAsync(root =>
        {
            file = Path.Combine(root, "daemon.json");
            File.WriteAllText(file, """{"default-stop-timeout": 2}""");
            return ["-H", $"unix://{root}/w.sock", "--bridge", "none", "--config-file", file];
        });
        await daemon.ImportBusyboxAsync();
        foreach (var name in (string[])["one", "two"])
            (await DockerAsync(daemon, "run", "-d", "--name", name, "--network", "none", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")).ShouldExit(0);
        (await DockerAsync(daemon, "run", "-d", "--name", "own", "--network", "none", "--stop-timeout", "0", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")).ShouldExit(0);
        (await StopAsync("one")).ShouldBeInRange(1.9, 8); // not docker's ten
        (await StopAsync("own")).ShouldBeLessThan(1.9);
        await File.WriteAllTextAsync(file, """{"default-stop-timeout": 0}""", TestContext.Current.CancellationToken);
        var before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        await HangUpAsync(daemon);
        (await ReloadAsync(daemon, before, 1))["Actor"]!["Attributes"]!["default-stop-timeout"]!.GetValue<string>().ShouldBe("0");
        (await StopAsync("two")).ShouldBeLessThan(1.9);
        (await DockerAsync(daemon, "inspect", "-f", "{{.State.ExitCode}} {{.Config.StopTimeout}}", "one", "two")).Out.ShouldBe("137 <nil>\n137 <nil>\n");
        (await DockerAsync(daemon, "rm", "one", "two", "own")).ShouldExit(0);

        async Task<double> StopAsync(string name)
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            (await DockerAsync(daemon, "stop", name)).ShouldExit(0);
            return watch.Elapsed.TotalSeconds;
        }
    }

    [Theory]
    [InlineData("""{"labels": ["a=b"]}""", 0, "configuration OK")]
    [InlineData("""{"labels": ["ab"]}""", 1, "bad attribute format: ab")]
    [InlineData("""{"no-such": 1}""", 1, "no-such")]
    [InlineData("""{"default-stop-timeout": -1}""", 1, "default-stop-timeout")]
    [InlineData("""{"log-programs": ["bin/logger"]}""", 1, "log-programs")]
    [InlineData("""{"log-driver": "binary:///bin/logger"}""", 1, "log-programs do not name /bin/logger")]
    [InlineData("""{"default-runtime": "none"}""", 1, "specified default runtime 'none' does not exist")]
    [InlineData("""{"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 20, "Hard": 10}}}""", 1, "ulimit soft limit must be less than or equal to hard limit: 20 > 10")]
    [InlineData("""{"userns-remap": "default"}""", 1, "userns-remap")]
    [InlineData("""{"seccomp-profile": "/no/such/file"}""", 1, "opening seccomp profile (/no/such/file) failed")]
    public async Task The_configuration_can_be_validated_without_starting(string json, int code, string message)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, json);
            (await CommandResult.RunAsync(Wharf, ["daemon", "--validate", "--config-file", file])).ShouldExit(code).Error.ShouldContain(message);
        }
        finally { File.Delete(file); }
    }

    private static Task<CommandResult> DockerAsync(OwnDaemon daemon, params string[] args) => CommandResult.RunAsync("docker", ["-H", $"unix://{daemon.Socket}", .. args]);

    private static async Task HangUpAsync(OwnDaemon daemon) => (await CommandResult.RunAsync("kill", ["-HUP", daemon.Pid.ToString(CultureInfo.InvariantCulture)])).ShouldExit(0);

    private static async Task<JsonNode> ReloadAsync(OwnDaemon daemon, long since, int count)
    {
        for (int i = 0; i < 100; i++)
        {
            var events = (await DockerAsync(daemon, "events", "--since", since.ToString(CultureInfo.InvariantCulture), "--until", DateTimeOffset.UtcNow.AddSeconds(-0.001).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture) + ".999", "--filter", "type=daemon", "--filter", "event=reload", "--format", "{{json .}}")).Out
                .Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (events.Length >= count) return JsonNode.Parse(events[^1])!;
            await Task.Delay(100);
        }
        throw new ShouldAssertException($"no event of a reload:\n{daemon.Log}");
    }
}
