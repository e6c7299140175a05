using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>
/// Configurations that cannot be: exit code 1, an error that names the field, nothing left behind. With WHARF_TEST_RUNTIME=/usr/sbin/runc the
/// same must be refused by runc (whose words differ: only ours are compared).
/// </summary>
public sealed class RuntimeBadInputTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-bad-").FullName;
    private readonly string _group = $"/wharf-bad-{Environment.ProcessId}";
    private readonly string _runtime = Environment.GetEnvironmentVariable("WHARF_TEST_RUNTIME") ?? Path.Combine(EngineFixture.Binaries, "wharf-runtime");

    private bool IsWharf => Path.GetFileName(_runtime) != "runc";
    private string Bundle => Path.Combine(_root, "bundle");
    private string State => Path.Combine(_root, "state");

    private JsonObject Spec()
    {
        var rootfs = Path.Combine(Bundle, "rootfs");
        foreach (var name in (string[])["bin", "proc", "dev", "sys"]) Directory.CreateDirectory(Path.Combine(rootfs, name));
        if (!File.Exists(rootfs + "/bin/busybox")) File.Copy("/bin/busybox", rootfs + "/bin/busybox");
        return new JsonObject
        {
            ["ociVersion"] = "1.0.2",
            ["process"] = new JsonObject { ["args"] = new JsonArray("/bin/busybox", "true"), ["cwd"] = "/", ["env"] = new JsonArray("PATH=/bin"), ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 } },
            ["root"] = new JsonObject { ["path"] = "rootfs" },
            ["mounts"] = new JsonArray(new JsonObject { ["destination"] = "/proc", ["type"] = "proc", ["source"] = "proc" }, new JsonObject { ["destination"] = "/dev", ["type"] = "tmpfs", ["source"] = "tmpfs" }),
            ["linux"] = new JsonObject { ["cgroupsPath"] = _group + "/c", ["namespaces"] = new JsonArray(((string[])["pid", "mount", "ipc", "uts"]).Select(type => (JsonNode)new JsonObject { ["type"] = type }).ToArray()), ["resources"] = new JsonObject() },
        };
    }

    private Task<CommandResult> RunAsync(string id = "c") => CommandResult.RunAsync(_runtime, ["--root", State, "run", "--bundle", Bundle, id]);

    /// <summary>Each: a path into the configuration, the JSON put there, and what the error must name.</summary>
    [Theory]
    [InlineData("process/args", "[]", "args")]
    [InlineData("process/cwd", "\"relative\"", "cwd")]
    [InlineData("process/rlimits", """[{"type":"RLIMIT_FOO","soft":1,"hard":1}]""", "RLIMIT_FOO")]
    [InlineData("root/path", "\"nowhere\"", "nowhere")]
    [InlineData("mounts/0/type", "\"nosuchfs\"", "nosuchfs")]
    [InlineData("linux/cgroupsPath", "\"/../../outside\"", "outside", false)]
    [InlineData("linux/namespaces/0/type", "\"foo\"", "foo")]
    [InlineData("linux/namespaces/0/path", "\"/proc/nowhere\"", "/proc/nowhere")]
    [InlineData("linux/seccomp", """{"defaultAction":"SCMP_ACT_FOO"}""", "SCMP_ACT_FOO")]
    [InlineData("linux/seccomp", """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}""", "index")]
    [InlineData("linux/sysctl", """{"kernel.nosuch":"1"}""", "kernel.nosuch")]
    [InlineData("linux/resources/cpu", """{"cpus":"4000"}""", "cpus")]
    [InlineData("linux/resources/cpu", """{"shares":1}""", "shares", false)]
    [InlineData("linux/resources/cpu", """{"quota":10}""", "quota")]
    [InlineData("linux/resources/unified", """{"a/b":"1"}""", "unified")]
    [InlineData("linux/resources/blockIO", """{"throttleReadBpsDevice":[{"major":4000,"minor":1,"rate":5}]}""", "throttleReadBpsDevice")]
    [InlineData("hostname", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "hostname")]
    public async Task A_configuration_that_cannot_be_is_refused_by_name(string path, string json, string name, bool alsoByRunc = true)
    {
        Assert.SkipWhen(!IsWharf && !alsoByRunc, "runc takes this");
        Assert.SkipWhen(Cgroups.CgroupFiles.V2 && name == "shares", "on version 2 any number of shares is a weight");
        var spec = Spec();
        JsonNode at = spec;
        var parts = path.Split('/');
        foreach (var part in parts[..^1]) at = int.TryParse(part, out int index) ? at[index]! : at[part]!;
        at[parts[^1]] = JsonNode.Parse(json);
        File.WriteAllText(Bundle + "/config.json", spec.ToJsonString());
        var result = await RunAsync();
        result.ExitCode.ShouldBe(1, result.Error);
        if (IsWharf) result.Error.ShouldContain(name);
        NothingIsLeft();
    }

    [Theory]
    [InlineData("{", "config.json")]
    [InlineData("[]", "config.json")]
    [InlineData("""{"ociVersion":"1.0.2"}""", "process")]
    [InlineData("""{"ociVersion":"1.0.2","process":7}""", "process")]
    public async Task What_is_no_configuration_is_refused(string text, string name)
    {
        Spec();
        File.WriteAllText(Bundle + "/config.json", text);
        var result = await RunAsync();
        result.ExitCode.ShouldBe(1, result.Error);
        if (IsWharf) result.Error.ShouldContain(name);
        NothingIsLeft();
    }

    [Fact]
    public async Task A_bundle_without_a_configuration_is_refused()
    {
        Directory.CreateDirectory(Bundle);
        (await RunAsync()).ShouldExit(1).Error.ShouldContain("config.json");
        NothingIsLeft();
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a b")]
    public async Task An_id_that_is_no_name_is_refused(string id)
    {
        var spec = Spec();
        File.WriteAllText(Bundle + "/config.json", spec.ToJsonString());
        (await RunAsync(id)).ShouldExit(1).Error.ShouldContain("invalid container ID format");
        NothingIsLeft();
    }

    [Fact]
    public async Task A_name_too_long_for_a_directory_is_refused()
    {
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Bundle).FullName, "config.json"), Spec().ToJsonString());
        (await RunAsync(new string('x', 600))).ShouldExit(1);
        NothingIsLeft();
    }

    /// <summary>What needs CAP_SYS_RESOURCE of the host, where it is missing, is less than asked for and not an error.</summary>
    [Fact]
    public async Task What_the_host_refuses_is_degraded_with_a_warning()
    {
        Assert.SkipUnless(IsWharf, "runc fails where the host refuses");
        var own = File.ReadAllLines("/proc/self/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool mayRaise = (Convert.ToUInt64(File.ReadLines("/proc/self/status").First(line => line.StartsWith("CapEff", StringComparison.Ordinal))[7..].Trim(), 16) >> 24 & 1) == 1;
        Assert.SkipWhen(mayRaise, "this host refuses nothing: it has CAP_SYS_RESOURCE");
        var spec = Spec();
        ulong more = ulong.Parse(own[4]) + 1000;
        spec["process"]!["rlimits"] = new JsonArray(new JsonObject { ["type"] = "RLIMIT_NOFILE", ["soft"] = 100, ["hard"] = more });
        spec["process"]!["oomScoreAdj"] = -900;
        spec["process"]!["args"] = new JsonArray("/bin/busybox", "sh", "-c", "ulimit -Hn; cat /proc/self/oom_score_adj");
        File.CreateSymbolicLink(Bundle + "/rootfs/bin/cat", "busybox");
        File.WriteAllText(Bundle + "/config.json", spec.ToJsonString());
        var result = (await RunAsync()).ShouldExit(0);
        result.Out.Split('\n')[0].ShouldBe(own[4]);
        result.Error.ShouldContain("RLIMIT_NOFILE");
        result.Error.ShouldContain("oom_score_adj");
        NothingIsLeft();
    }

    private void NothingIsLeft()
    {
        var left = new List<string>();
        if (Directory.Exists(State)) left.AddRange(Directory.GetFileSystemEntries(State).Where(entry => !entry.EndsWith(".lock", StringComparison.Ordinal)));
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            if (Directory.Exists(hierarchy + _group)) left.AddRange(Directory.GetDirectories(hierarchy + _group));
        left.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(_root, StringComparison.Ordinal)));
        left.ShouldBeEmpty();
    }

    public void Dispose()
    {
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            if (Directory.Exists(hierarchy + _group)) Directory.Delete(hierarchy + _group);
        Directory.Delete(_root, recursive: true);
    }
}
