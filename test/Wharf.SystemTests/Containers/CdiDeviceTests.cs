using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>
/// Devices by the Container Device Interface, with files that give nodes like /dev/null and /dev/zero. Another engine is tried with <c>cdi-spec-dirs</c> of its daemon.json naming the directory that
/// WHARF_TEST_CDI names too.
/// </summary>
public sealed class CdiDeviceTests : IAsyncLifetime
{
    private const string Gadget = """
        cdiVersion: "0.7.0"
        kind: acme.com/gadget
        devices:
          - name: one
            containerEdits:
              env: ["GADGET=one", 'QUOTED=x y']
              deviceNodes:
                - path: /dev/gadget1
                  hostPath: /dev/full
                  permissions: rw
          - name: two
            containerEdits:
              deviceNodes:
                - path: /dev/zero2
                  type: c
                  major: 1
                  minor: 5
                  fileMode: 0644
                  uid: 5
                  gid: 6
              mounts:
                - hostPath: DIRECTORY
                  containerPath: /opt/cdi
                  options: [ro, nosuid, nodev, bind]
        containerEdits:
          env: [ALL=yes]
          hooks:
            - hookName: createContainer
              path: /bin/sh
              args: [sh, -c, cat > DIRECTORY/state]
        """;

    private readonly EngineFixture _engine = new();
    private string _directory = "";

    public async ValueTask InitializeAsync()
    {
        bool other = Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 };
        _directory = other ? Environment.GetEnvironmentVariable("WHARF_TEST_CDI") ?? "" : Directory.CreateDirectory(Path.Combine(_engine.Root, "cdi")).FullName;
        Assert.SkipWhen(_directory.Length == 0, "WHARF_TEST_CDI does not name the engine's directory");
        foreach (var left in Directory.EnumerateFiles(_directory)) File.Delete(left);
        await File.WriteAllTextAsync(Path.Combine(_directory, "gadget.yaml"), Gadget.Replace("DIRECTORY", _directory, StringComparison.Ordinal).Replace("0644", "420", StringComparison.Ordinal));
        await File.WriteAllTextAsync(Path.Combine(_directory, "broken.json"), "{");
        var config = Path.Combine(_engine.Root, "daemon.json");
        await File.WriteAllTextAsync(config, $$"""{"cdi-spec-dirs": ["{{_directory}}"]}""");
        if (other) await _engine.InitializeAsync();
        else await _engine.StartOwnAsync("--config-file", config);
        await _engine.EnsureImageAsync();
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    private async Task<CommandResult> RunAsync(string script, params string[] options) => await _engine.DockerAsync(["run", "--rm", .. options, "busybox", "sh", "-c", script]);

    [Fact]
    public async Task Devices_bring_their_nodes_variables_mounts_and_hooks()
    {
        var one = (await RunAsync("echo $GADGET $QUOTED $ALL; stat -c '%t:%T %a %u:%g' /dev/gadget1; echo x > /dev/gadget1", "-e", "GADGET=mine", "--device", "acme.com/gadget=one")).ShouldExit(1);
        one.Out.ShouldBe("one x y yes\n1:7 666 0:0\n");
        one.Error.ShouldContain("No space left on device");
        var both = (await RunAsync("ls /dev/gadget1; stat -c '%t:%T %a %u:%g' /dev/zero2; head -c 2 /dev/zero2 | wc -c; ls /opt/cdi/gadget.yaml; touch /opt/cdi/x; grep ' /opt/cdi ' /proc/mounts | cut -d' ' -f4", "--device", "acme.com/gadget=one", "--device", "acme.com/gadget=two")).ShouldExit(0);
        both.Out.ShouldStartWith("/dev/gadget1\n1:5 644 5:6\n2\n/opt/cdi/gadget.yaml\nro,nosuid,nodev,");
        both.Error.ShouldContain("Read-only file system");
        File.ReadAllText(Path.Combine(_directory, "state")).ShouldContain("\"status\":\"creating\"");
        // Nobody else has them.
        (await RunAsync("ls /dev/gadget1 /opt/cdi; echo \"[$ALL]\"")).Out.ShouldBe("[]\n");
    }

    [Fact]
    public async Task What_is_there_is_told_and_what_is_not_fails_at_the_start()
    {
        using var api = new EngineApi(_engine.SocketPath);
        var info = (await api.GetAsync("/info")).Json;
        info["CDISpecDirs"]!.ToJsonString().ShouldBe($"[\"{_directory}\"]");
        info["DiscoveredDevices"]!.ToJsonString().ShouldBe("""[{"Source":"cdi","ID":"acme.com/gadget=one"},{"Source":"cdi","ID":"acme.com/gadget=two"}]""");
        info["Warnings"]!.AsArray().Select(warning => warning!.GetValue<string>()).ShouldContain(warning => warning.StartsWith($"CDI: Error associated with spec file {_directory}/broken.json: failed to load CDI Spec failed to parse CDI Spec", StringComparison.Ordinal));
        (await _engine.DockerAsync("create", "--name", "cdi-none", "--device", "acme.com/gadget=nope", "--device", "other.org/thing=y1", "busybox")).ShouldExit(0);
        (await _engine.DockerAsync("start", "cdi-none")).ShouldExit(1).Error.ShouldContain("CDI device injection failed: unresolvable CDI devices acme.com/gadget=nope, other.org/thing=y1");
        (await _engine.DockerAsync("inspect", "-f", "{{json .HostConfig.DeviceRequests}} {{.State.Status}} {{.State.ExitCode}}", "cdi-none")).Text.ShouldBe("""[{"Driver":"cdi","Count":0,"DeviceIDs":["acme.com/gadget=nope","other.org/thing=y1"],"Capabilities":null,"Options":null}] created 128""");
        (await _engine.DockerAsync("rm", "cdi-none")).ShouldExit(0);
        (await RunAsync("true", "--gpus", "all")).ShouldExit(125).Error.ShouldContain("could not select device driver \"\" with capabilities: [[gpu]]");
    }

    /// <summary>docker 28.5 leaves this to NVIDIA's own program, which must be installed.</summary>
    [Fact]
    public async Task GPUs_are_had_by_the_file_that_describes_them()
    {
        if (!_engine.IsWharf) Assert.Skip("docker 28.5 asks NVIDIA's program");
        await File.WriteAllTextAsync(Path.Combine(_directory, "nvidia.json"), """{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {"env": ["GPU=0"]}}, {"name": "all", "containerEdits": {"env": ["GPU=all"]}}]}""", TestContext.Current.CancellationToken);
        (await RunAsync("echo $GPU", "--gpus", "all")).ShouldExit(0).Text.ShouldBe("all");
        (await RunAsync("echo $GPU", "--gpus", "device=0")).ShouldExit(0).Text.ShouldBe("0");
        (await _engine.WharfAsync("run", "--rm", "--device", "nvidia.com/gpu=0", "busybox", "sh", "-c", "echo $GPU")).ShouldExit(0).Text.ShouldBe("0");
        (await RunAsync("true", "--gpus", "2")).ShouldExit(125).Error.ShouldContain("unresolvable CDI devices nvidia.com/gpu=1");
    }

    /// <summary>docker 28.5 lets no client allow devices; docker 29 does as it is tested here.</summary>
    [Fact]
    public async Task Steps_of_a_build_get_the_devices_that_the_client_allows()
    {
        if (!_engine.IsWharf) Assert.Skip("docker 28.5 grants no devices");
        Build.Buildx.Require("docker-buildx");
        var context = Directory.CreateDirectory(Path.Combine(_engine.Root, "context")).FullName;
        Task<CommandResult> BuildAsync(string device, params string[] options)
        {
            File.WriteAllText(Path.Combine(context, "Dockerfile"), $"# syntax=docker/dockerfile:1-labs\nFROM busybox\nRUN --device={device} echo \"$GADGET\" > /gadget; ls /dev/gadget1 /opt/cdi > /seen; true\nRUN test ! -e /dev/gadget1 && test -z \"$GADGET\"\n");
            return Build.Buildx.RunAsync(_engine, ["build", "-t", "cdi-built", .. options, context]);
        }
        async Task<string> ReadAsync(string path) => (await _engine.DockerAsync("run", "--rm", "cdi-built", "cat", path)).ShouldExit(0).Text;

        (await BuildAsync("acme.com/gadget=one")).ShouldExit(1).Error.ShouldContain("ERROR: failed to build: failed to solve: failed to load LLB: device acme.com/gadget=one is requested by the build but not allowed");
        (await BuildAsync("acme.com/gadget=one", "--allow", "device")).ShouldExit(0);
        (await ReadAsync("/gadget")).ShouldBe("one");
        (await ReadAsync("/seen")).ShouldBe("/dev/gadget1");
        (await BuildAsync("acme.com/gadget=one", "--allow", "device=acme.com/gadget=one")).ShouldExit(0).Error.ShouldContain("CACHED");
        (await BuildAsync("acme.com/gadget=two", "--allow", "device=acme.com/gadget")).ShouldExit(1).Error.ShouldContain("device acme.com/gadget=two is requested by the build but not allowed");
        (await BuildAsync("acme.com/gadget=two", "--allow", "device=acme.com/gadget=*")).ShouldExit(0);
        (await ReadAsync("/seen")).ShouldContain("gadget.yaml");
        (await BuildAsync("acme.com/gadget=nope", "--allow", "device")).ShouldExit(0);
        (await ReadAsync("/gadget")).ShouldBe("");
        (await BuildAsync("acme.com/gadget=nope,required", "--allow", "device")).ShouldExit(1).Error.ShouldContain("required device \"acme.com/gadget=nope\" is not registered");
        (await Build.Buildx.RunAsync(_engine, ["buildx", "inspect"])).ShouldExit(0).Out.ShouldContain("acme.com/gadget=one");
        (await _engine.WharfAsync("build", "-t", "cdi-built", "--allow", "device=acme.com/gadget=two", context)).ShouldExit(1).Error.ShouldContain("required device");
        File.WriteAllText(Path.Combine(context, "Dockerfile"), "FROM busybox\nRUN --device=acme.com/gadget=one echo \"w$GADGET\" > /gadget\n");
        (await _engine.WharfAsync("build", "-t", "cdi-built", "--allow", "device", context)).ShouldExit(0);
        (await ReadAsync("/gadget")).ShouldBe("wone");
        // Without BuildKit nobody can allow anything.
        (await _engine.DockerAsync("build", context)).ShouldExit(1).Error.ShouldContain("requested by the build but not allowed");
    }

    /// <summary>The image's links and the file's paths lead no further than the step's own root, and what is lent to a step is not in its layer.</summary>
    [Fact]
    public async Task A_device_whose_paths_lead_out_of_the_root_makes_nothing_on_the_host()
    {
        if (!_engine.IsWharf) Assert.Skip("docker 28.5 grants no devices");
        var (outside, lent) = (Path.Combine(_engine.Root, "outside"), Directory.CreateDirectory(Path.Combine(_engine.Root, "lent")).FullName);
        await File.WriteAllTextAsync(lent + "/lent-file", "of the host", TestContext.Current.CancellationToken);
        var up = string.Concat(Enumerable.Repeat("/..", 12)) + outside;
        string Kind(string name, string edits) => $$$"""{"name": "{{{name}}}", "containerEdits": {{{edits}}}}""";
        await File.WriteAllTextAsync(Path.Combine(_directory, "evil.json"), $$"""
            {"cdiVersion": "0.6.0", "kind": "evil.org/thing", "devices": [
              {{Kind("node", $$"""{"deviceNodes": [{"path": "/dev{{up}}/node", "hostPath": "/dev/null"}]}""")}},
              {{Kind("mount", $$"""{"mounts": [{"hostPath": "{{lent}}", "containerPath": "{{up}}/mounted", "options": ["bind"]}]}""")}},
              {{Kind("link", $$"""{"mounts": [{"hostPath": "{{lent}}", "containerPath": "/away{{outside}}/mounted", "options": ["bind"]}], "deviceNodes": [{"path": "/away{{outside}}/node", "hostPath": "/dev/null"}]}""")}},
              {{Kind("root", $$"""{"mounts": [{"hostPath": "{{lent}}", "containerPath": "/", "options": ["bind"]}]}""")}}]}
            """, TestContext.Current.CancellationToken);
        var context = Directory.CreateDirectory(Path.Combine(_engine.Root, "evil")).FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "inside.json"), """{"cdiVersion": "0.6.0", "kind": "inside.org/thing", "devices": [{"name": "a", "containerEdits": {"env": ["INSIDE=1"]}}]}""", TestContext.Current.CancellationToken);
        foreach (var name in new[] { "node", "mount", "link", "root" })
        {
            await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), $"FROM busybox\nRUN ln -s {string.Concat(Enumerable.Repeat("../", 12))} /away\nRUN --device=evil.org/thing={name} true\nRUN ! test -e /lent-file && ! find / -xdev -name lent-file | grep -q .\n", TestContext.Current.CancellationToken);
            var built = await _engine.WharfAsync("build", "--no-cache", "--progress=plain", "-t", "cdi-evil", "--allow", "device", context);
            if (name == "root") built.ShouldExit(1).Error.ShouldContain("\"/\" cannot be mounted over: it is the root");
            else built.ShouldExit(0);
            Path.Exists(outside).ShouldBeFalse(name);
            Directory.GetFileSystemEntries(lent).ShouldBe([lent + "/lent-file"], name);
        }
        // Files of an image, or of a context, describe no devices.
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), "FROM busybox\nCOPY inside.json /etc/cdi/\nCOPY inside.json /var/run/cdi/\nRUN --device=inside.org/thing=a,required true\n", TestContext.Current.CancellationToken);
        (await _engine.WharfAsync("build", "--allow", "device", context)).ShouldExit(1).Error.ShouldContain("required device \"inside.org/thing=a\" is not registered");
    }

    [Fact]
    public async Task A_daemon_can_forbid_devices_to_builds()
    {
        if (!_engine.IsWharf) Assert.Skip("docker 28.5 grants no devices");
        await using var strict = new EngineFixture();
        var config = Path.Combine(strict.Root, "daemon.json");
        await File.WriteAllTextAsync(config, "{\"cdi-spec-dirs\": [\"" + _directory + "\"], \"builder\": {\"entitlements\": {\"device\": false}}}", TestContext.Current.CancellationToken);
        await strict.StartOwnAsync("--config-file", config);
        (await strict.WharfAsync(System.Text.Encoding.UTF8.GetBytes("FROM scratch\n"), "build", "--allow", "device=acme.com/gadget=one", "-")).ShouldExit(1).Error.ShouldContain("granting entitlement device is not allowed by build daemon configuration");
        (await strict.WharfAsync(System.Text.Encoding.UTF8.GetBytes("FROM scratch\n"), "build", "--allow", "gadgets", "-")).ShouldExit(1).Error.ShouldContain("unknown entitlement gadgets");
    }
}
