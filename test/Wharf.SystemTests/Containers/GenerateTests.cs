using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Containers in other forms: a command to run again, a compose file, a pod, a service.</summary>
public sealed class GenerateTests(EngineFixture engine)
{
    private const string Name = "generated";

    private static readonly string[] Options =
    [
        "-d", "--name", Name, "--hostname", "host", "--domainname", "example", "-u", "1:2", "-w", "/tmp", "-e", "A=it's $HOME \"q\"", "-l", "k=v w", "--stop-signal", "INT", "--stop-timeout", "1", "--expose", "53/udp", "-v", "generated-volume:/v:ro", "-v", "/anonymous",
        "--health-cmd", """["test","-d","/"]""", "--health-interval", "10m", "--health-startup-cmd", "[ -d / ]", "--health-startup-interval", "10m", "--on-unhealthy", "stop", "--network", "name=generated-net,alias=one,alias=two", "-p", "127.0.0.1:0:80", "-p", "81/udp", "--tmpfs", "/run:size=1m",
        "--mount", "type=tmpfs,target=/t,tmpfs-size=65536", "--dns", "192.0.2.1", "--dns-search", "example", "--add-host", "x:192.0.2.9", "--restart", "on-failure:3", "--read-only", "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--group-add", "5", "--security-opt", "no-new-privileges", "--device", "/dev/null:/dev/n:rw",
        "--sysctl", "net.ipv4.ip_unprivileged_port_start=0", "--ipc", "shareable", "--log-driver", "local", "--log-opt", "max-size=1m", "--cpu-shares", "20", "-m", "64m", "--shm-size", "1m", "--pids-limit", "9", "--ulimit", "nofile=10:20", "--oom-score-adj", "100",
        "--entrypoint", """["sh","-c"]""", "busybox", "exec sleep 1000",
    ];

    private async Task<string> StartAsync()
    {
        (await engine.DockerAsync("network", "create", "generated-net")).ShouldExit(0);
        (await engine.WharfAsync(["run", .. Options])).ShouldExit(0);
        return await DescriptionAsync();
    }

    private async Task RemoveAsync()
    {
        await engine.DockerAsync("rm", "-f", "-v", Name);
        await engine.DockerAsync("network", "rm", "generated-net");
        await engine.DockerAsync("volume", "rm", "generated-volume");
    }

    /// <summary>Inspect without what no two containers have in common: addresses that were given, anonymous names, times.</summary>
    private async Task<string> DescriptionAsync()
    {
        var container = JsonNode.Parse((await engine.DockerAsync("inspect", Name)).Text)![0]!;
        var mounts = container["Mounts"]!.AsArray().Select(mount => $"{mount!["Type"]} {mount["Destination"]} {mount["RW"]}").Order();
        var network = container["NetworkSettings"]!["Networks"]!["generated-net"]!;
        return string.Join('\n', [container["Config"]!.ToJsonString(), container["HostConfig"]!.ToJsonString(), (string)container["Path"]!, container["Args"]!.ToJsonString(), (string)container["State"]!["Status"]!, network["Aliases"]!.ToJsonString(), .. mounts]);
    }

    [Fact]
    public async Task The_printed_run_command_makes_an_equal_container()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        try
        {
            var before = await StartAsync();
            var command = (await engine.WharfAsync("generate", "run", Name)).ShouldExit(0).Out;
            command.ShouldStartWith("wharf run --detach");
            (await engine.DockerAsync("rm", "-f", "-v", Name)).ShouldExit(0);
            (await CommandResult.RunAsync("sh", ["-c", command], environment: new Dictionary<string, string> { ["PATH"] = $"{EngineFixture.Binaries}:{Environment.GetEnvironmentVariable("PATH")}", ["DOCKER_HOST"] = engine.Host })).ShouldExit(0);
            (await DescriptionAsync()).ShouldBe(before);
            (await engine.WharfAsync("generate", "run", Name)).Out.ShouldBe(command);
            (await engine.WharfAsync("generate", "run", "no-such-container")).ShouldExit(1);
        }
        finally { await RemoveAsync(); }
    }

    [Fact]
    public async Task The_printed_compose_file_is_one()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        DockerPlugins.Require("docker-compose");
        var directory = Directory.CreateDirectory(Path.Combine(engine.Root, "generated")).FullName;
        try
        {
            await StartAsync();
            (await engine.WharfAsync("run", "-d", "--name", "generated-2", "--network", "container:" + Name, "--restart", "always", "busybox", "sleep", "1000")).ShouldExit(0);
            var yaml = (await engine.WharfAsync("generate", "compose", Name, "generated-2")).ShouldExit(0).Out;
            await File.WriteAllTextAsync(Path.Combine(directory, "compose.yaml"), yaml, TestContext.Current.CancellationToken);
            var config = JsonNode.Parse((await ComposeAsync("config", "--no-interpolate", "--format", "json")).ShouldExit(0).Text)!;
            var service = config["services"]![Name]!;
            ((string)service["container_name"]!).ShouldBe(Name);
            service["entrypoint"]!.AsArray().Select(word => (string)word!).ShouldBe(["sh", "-c"]);
            ((string)config["services"]!["generated-2"]!["network_mode"]!).ShouldBe("service:" + Name);
            (await engine.DockerAsync("rm", "-f", "-v", Name, "generated-2")).ShouldExit(0);
            // It comes up, with what was asked for.
            (await ComposeAsync("up", "-d")).ShouldExit(0);
            (await engine.DockerAsync("exec", Name, "sh", "-c", "echo \"$A\"; hostname; id -u")).ShouldExit(0).Out.ShouldBe("it's $HOME \"q\"\nhost\n1\n");
            (await engine.DockerAsync("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.RestartPolicy.Name}} {{.Config.StopSignal}}", Name)).Text.ShouldBe("67108864 true on-failure INT");
        }
        finally
        {
            await engine.DockerAsync("rm", "-f", "generated-2");
            await RemoveAsync();
            Directory.Delete(directory, recursive: true);
        }

        Task<CommandResult> ComposeAsync(params string[] args) => CommandResult.RunAsync("docker", ["compose", "-p", "generated", "--project-directory", directory, "-f", Path.Combine(directory, "compose.yaml"), .. args], seconds: 120,
            environment: new Dictionary<string, string> { ["DOCKER_HOST"] = engine.Host, ["DOCKER_CONFIG"] = DockerPlugins.Config(Path.Combine(engine.Root, "generated-config")) });
    }

    [Fact]
    public async Task The_printed_service_is_one()
    {
        Assert.SkipUnless(engine.IsWharf, "docker has no such command");
        try
        {
            await StartAsync();
            var unit = (await engine.WharfAsync("generate", "systemd", Name)).ShouldExit(0).Out;
            unit.ShouldContain($"ExecStart={EngineFixture.Binaries}/wharf run");
            unit.ShouldContain("Restart=on-failure\n");
            var pod = (await engine.WharfAsync("generate", "kube", Name)).ShouldExit(0).Out;
            pod.ShouldStartWith("apiVersion: v1\nkind: Pod\n");
            Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "systemd-analyze is not installed");
            var path = Path.Combine(engine.Root, Name + ".service");
            await File.WriteAllTextAsync(path, unit, TestContext.Current.CancellationToken);
            var verified = await CommandResult.RunAsync("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", path]);
            (verified.Out + verified.Error).Split('\n').Where(line => line.Contains(Name, StringComparison.Ordinal)).ShouldBeEmpty();
        }
        finally { await RemoveAsync(); }
    }
}
