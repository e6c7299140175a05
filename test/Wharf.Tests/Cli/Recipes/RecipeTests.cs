using System.Text.Json;
using Shouldly;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Cli.Recipes;
using Wharf.Specs.DockerApi;
using Xunit;

namespace Wharf.Tests.Cli.Recipes;

/// <summary>From what inspect tells of a container back to what was asked for.</summary>
public sealed class RecipeTests
{
    private static readonly DaemonDefaults Defaults = new("json-file", "wharf", IsCgroupV2: false);
    private static readonly ImageConfig Image = new()
    {
        User = "web", WorkingDir = "/srv", Env = ["PATH=/bin", "A=image"], Cmd = ["serve"], Entrypoint = ["/entry"], Labels = new() { ["made"] = "here" },
        ExposedPorts = new() { ["80/tcp"] = new EmptyObject() }, Volumes = new() { ["/data"] = new EmptyObject() }, Healthcheck = new HealthConfig { Test = ["CMD", "check"], Interval = 1_000_000_000 },
    };

    private static ContainerCreateRequest Build(params string[] words)
    {
        var flags = new FlagSet();
        var container = new ContainerFlags(flags);
        return container.Build(flags.Parse(words), "/run/wharf/wharf.sock");
    }

    private static string[] Words(RunForm form) => [.. form.Flags.SelectMany(flag => flag), .. form.Arguments];

    [Fact]
    public void What_the_image_and_the_daemon_give_is_left_out()
    {
        var recipe = ContainerRecipe.Of(new ContainerInspectResponse
        {
            Id = "0123456789abcdef", Name = "/web", Image = "sha256:1",
            Config = new ContainerConfig
            {
                Hostname = "0123456789ab", Image = "web:1", User = "web", WorkingDir = "/srv", Env = ["B=mine", "PATH=/bin", "A=image"], Cmd = ["serve"], Entrypoint = ["/entry"], Labels = new() { ["made"] = "here", ["own"] = "1" },
                ExposedPorts = new() { ["80/tcp"] = new EmptyObject(), ["90/udp"] = new EmptyObject() }, Volumes = new() { ["/data"] = new EmptyObject(), ["/more"] = new EmptyObject() },
                Healthcheck = new HealthConfig { Test = ["CMD", "check"], Interval = 1_000_000_000, Retries = 5 },
            },
            HostConfig = new HostConfig
            {
                NetworkMode = "bridge", IpcMode = "private", CgroupnsMode = "host", ShmSize = 64 << 20, Runtime = "wharf", LogConfig = new HostConfigLogConfig { Type = "json-file", Config = [] },
                RestartPolicy = new RestartPolicy { Name = "no" }, Memory = 1 << 20, MemorySwap = 2 << 20, PortBindings = new() { ["90/udp"] = [new PortBinding { HostPort = "9090" }] },
            },
            NetworkSettings = new NetworkSettings { Networks = new() { ["bridge"] = new EndpointSettings { IPAddress = "172.17.0.2", MacAddress = "02:42:ac:11:00:02" } } },
        }, Image, Defaults);
        Words(RunForm.Of(recipe)).ShouldBe(["--env", "B=mine", "--label", "own=1", "--volume", "/more", "--health-retries", "5", "--publish", "9090:90/udp", "--memory", "1m", "web:1"]);
    }

    [Theory]
    [InlineData("/entry", "other", new[] { "x", "other" })]
    [InlineData("/new", "serve", new[] { "--entrypoint", "/new", "x", "serve" })]
    [InlineData("/new", "", new[] { "--entrypoint", "/new", "x" })]
    [InlineData("/entry", "", new[] { "--entrypoint", "/entry", "x" })]
    [InlineData("", "run it", new[] { "--entrypoint", "", "x", "run", "it" })]
    [InlineData("/new -q", "", new[] { "--entrypoint", "[\"/new\",\"-q\"]", "x" })]
    public void A_command_is_told_where_it_is_another_than_the_images(string entrypoint, string command, string[] expected)
    {
        static List<string> Split(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        var recipe = ContainerRecipe.Of(new ContainerInspectResponse { Config = new ContainerConfig { Image = "x", User = "web", WorkingDir = "/srv", Entrypoint = Split(entrypoint), Cmd = Split(command) }, HostConfig = new HostConfig { CgroupnsMode = "host" } }, Image, Defaults);
        Words(RunForm.Of(recipe)).ShouldBe(expected);
    }

    [Fact]
    public void Flags_make_a_request_that_makes_the_same_flags()
    {
        string[] words =
        [
            "--interactive", "--tty", "--hostname", "h", "--user", "1:2", "--workdir", "/w", "--entrypoint", """["/bin/sh","-e"]""", "--env", "A=b c", "--label", "k=v=w", "--stop-signal", "INT", "--stop-timeout", "3",
            "--expose", "53/udp", "--volume", "/anonymous", "--health-cmd", """["check","-q"]""", "--health-interval", "1m30s", "--health-timeout", "500ms", "--health-retries", "4",
            "--annotation", "a=b", "--on-unhealthy", "restart", "--network", "name=net,alias=one,alias=two,ip=10.0.0.2,mac-address=02:00:00:00:00:01,gw-priority=3", "--network", "other",
            "--publish", "127.0.0.1:8080:80", "--publish", "[::1]:8081:81/udp", "--publish", "82", "--volume", "/host:/in:ro", "--volume", "named:/v",
            "--mount", "type=bind,source=/a,target=/b,readonly,bind-propagation=rslave", "--mount", "type=tmpfs,target=/t,tmpfs-size=1048576,tmpfs-mode=1770", "--mount", "type=volume,source=v,target=/x,volume-nocopy,volume-label=l=m,\"volume-opt=o=addr=1,rw\"",
            "--tmpfs", "/run:size=1m", "--dns", "1.1.1.1", "--add-host", "x:10.0.0.9", "--restart", "on-failure:3", "--init", "--privileged", "--read-only", "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN",
            "--group-add", "5", "--security-opt", "no-new-privileges", "--security-opt", "systempaths=unconfined", "--device", "/dev/null:/dev/n:rw", "--sysctl", "net.core.somaxconn=10", "--ipc", "shareable", "--uts", "host",
            "--log-driver", "local", "--log-opt", "max-size=1m", "--cpus", "1.5", "--cpu-shares", "20", "--cpuset-cpus", "0", "--memory", "64m", "--memory-swap", "-1", "--shm-size", "1m", "--pids-limit", "9",
            "--ulimit", "nofile=10:20", "--device-read-bps", "/dev/sda:1048576", "image", "c m d", "$x",
        ];
        var request = Build(words);
        var form = RunForm.Of(new ContainerRecipe("n", request with { AttachStdin = null }) { Notes = [] });
        Words(RunForm.Of(new ContainerRecipe("n", Tidy(request)))).Order().ShouldBe(words.Order());
        form.Notes.ShouldBeEmpty();
        // What a second reading makes of it is the same request, to the last field.
        JsonSerializer.Serialize(Build(Words(form)), DockerApiJson.Default.ContainerCreateRequest).ShouldBe(JsonSerializer.Serialize(request, DockerApiJson.Default.ContainerCreateRequest));

        // As inspect would tell it, with the defaults taken out.
        static ContainerCreateRequest Tidy(ContainerCreateRequest asked) => asked with
        {
            HostConfig = RecipeHost.Of(new ContainerInspectResponse { HostConfig = asked.HostConfig! with { CgroupnsMode = "private" } }, Defaults with { IsCgroupV2 = false }) with { CgroupnsMode = null, MaskedPaths = [], ReadonlyPaths = [] },
            ExposedPorts = asked.ExposedPorts!.Where(port => port.Key == "53/udp").ToDictionary(),
        };
    }

    [Theory]
    [InlineData("plain-1.0/x", "plain-1.0/x")]
    [InlineData("", "''")]
    [InlineData("a b", "'a b'")]
    [InlineData("it's $HOME", "'it'\\''s $HOME'")]
    public void Words_are_quoted_for_a_shell(string word, string quoted) => ShellWords.Quote(word).ShouldBe(quoted);

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(500_000_000, "500ms")]
    [InlineData(90_000_000_000, "1m30s")]
    [InlineData(3_600_000_000_001, "1h1ns")]
    public void Times_are_in_gos_form(long nanoseconds, string text) => GoTime.Of(nanoseconds).ShouldBe(text);

    [Fact]
    public void Yaml_takes_no_text_for_anything_else() => new YamlMap().Put("a", "yes").Put("b", "1").Put("c", "x: y").Put("d", new YamlMap().Put("e", true).Put("f", 2L)).Put("g", new List<string> { "plain", "- \"q\"\n" })
        .Put("h", new List<YamlMap> { new YamlMap().Put("i", 1L).Put("j", "k") }).Add("none", null).Put("empty", new YamlMap()).ToString()
        .ShouldBe("a: \"yes\"\nb: \"1\"\nc: \"x: y\"\nd:\n  e: true\n  f: 2\ng:\n  - plain\n  - \"- \\\"q\\\"\\n\"\nh:\n  - i: 1\n    j: k\nempty: {}\n");

    [Fact]
    public void A_systemd_service_escapes_what_systemd_would_replace()
    {
        var text = SystemdForm.Of(new ContainerRecipe("web", Build("--restart", "always", "--stop-timeout", "5", "-e", "A=100% $x \"q\"", "image", "a b")), "/usr/bin/wharf");
        text.ShouldContain("\"A=100%% $$x \\\"q\\\"\"");
        text.ShouldContain("image \"a b\"\n");
        text.ShouldContain("Restart=always\n");
        text.ShouldContain("TimeoutStopSec=15\n");
        text.ShouldNotContain("--restart");
    }

    [Fact]
    public void A_pod_has_the_containers_ports_volumes_and_probes()
    {
        var recipe = new ContainerRecipe("Web_1", Build("-p", "8080:80", "-v", "/srv:/in:ro", "-v", "data:/v", "--memory", "64m", "--cpus", "0.5", "--health-http", "http://127.0.0.1:80/ok", "--health-interval", "5s", "-e", "A=$(B)", "-u", "1:2", "--cap-add", "CAP_NET_ADMIN", "image", "run"));
        var yaml = KubeForm.Of([recipe]);
        foreach (var part in new[]
        {
            "kind: Pod\n", "name: web-1\n", "image: image\n", "args:\n        - run\n", "containerPort: 80\n          hostPort: 8080\n", "mountPath: \"/in\"\n          readOnly: true\n", "hostPath:\n        path: \"/srv\"\n", "claimName: data\n",
            "cpu: \"500m\"\n          memory: \"67108864\"\n", "httpGet:\n          path: \"/ok\"\n          port: 80\n        periodSeconds: 5\n", "value: \"$$(B)\"\n", "runAsUser: 1\n        runAsGroup: 2\n", "- NET_ADMIN\n",
        }) yaml.ShouldContain(part);
    }
}
