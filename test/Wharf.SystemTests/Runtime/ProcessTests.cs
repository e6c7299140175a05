using System.Globalization;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>What the program finds itself to be.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    private static JsonArray List(params string[] names) => new([.. names.Select(name => (JsonNode)name)]);

    [Fact]
    public async Task User_group_and_further_groups_are_exactly_those_given()
    {
        _bundle.Process["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1001, ["additionalGids"] = new JsonArray(5, 6) };
        (await _bundle.InsideAsync("grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -d ' '")).ShouldBe("Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\nGroups:\t56");
    }

    [Fact]
    public async Task The_umask_is_the_configured_one()
    {
        _bundle.Process["user"]!["umask"] = 0b000_111_111;
        (await _bundle.InsideAsync("umask")).ShouldBe("0077");
    }

    [Fact]
    public async Task Environment_and_working_directory_are_as_given()
    {
        _bundle.Process["env"] = List("PATH=/bin", "A=b c");
        _bundle.Process["cwd"] = "/made/for/it";
        (await _bundle.InsideAsync("echo $A; pwd")).ShouldBe("b c\n/made/for/it");
    }

    [Fact]
    public async Task All_five_sets_of_capabilities_are_as_given()
    {
        var sets = _bundle.Process["capabilities"]!.AsObject();
        sets["bounding"] = List("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SETUID");
        sets["permitted"] = List("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW");
        sets["effective"] = List("CAP_CHOWN", "CAP_KILL");
        sets["inheritable"] = List("CAP_KILL", "CAP_NET_RAW");
        sets["ambient"] = List("CAP_KILL");
        _bundle.Process["user"]!["uid"] = 1000; // root's program would get all of the bounding set
        // An execve by a user who is not root keeps the ambient ones only.
        (await _bundle.InsideAsync("grep ^Cap /proc/self/status | awk '{print $1, $2}'")).ShouldBe(
            "CapInh: 0000000000002020\nCapPrm: 0000000000000020\nCapEff: 0000000000000020\nCapBnd: 00000000000020a1\nCapAmb: 0000000000000020");
    }

    [Fact]
    public async Task Root_without_inheritable_capabilities_has_its_bounding_set() =>
        (await _bundle.InsideAsync("grep ^Cap /proc/self/status | awk '{print $1, $2}'")).ShouldBe(
            "CapInh: 0000000000000000\nCapPrm: 0000000000000020\nCapEff: 0000000000000020\nCapBnd: 0000000000000020\nCapAmb: 0000000000000000");

    [Fact]
    public async Task An_unknown_capability_is_left_out_with_a_warning()
    {
        _bundle.Process["capabilities"]!["bounding"] = List("CAP_KILL", "CAP_FLY");
        var result = (await _bundle.Script("grep CapBnd /proc/self/status").RunAsync()).ShouldExit(0);
        result.Error.ShouldContain("CAP_FLY");
        result.Text.ShouldEndWith("20");
    }

    [Theory]
    [InlineData(true, "1")]
    [InlineData(false, "0")]
    public async Task No_new_privileges_is_as_given(bool set, string seen)
    {
        _bundle.Process["noNewPrivileges"] = set;
        (await _bundle.InsideAsync("grep NoNewPrivs /proc/self/status | cut -f2")).ShouldBe(seen);
    }

    [Fact]
    public async Task Limits_are_set()
    {
        _bundle.Process["rlimits"] = new JsonArray(
            new JsonObject { ["type"] = "RLIMIT_NOFILE", ["hard"] = 500, ["soft"] = 400 },
            new JsonObject { ["type"] = "RLIMIT_CORE", ["hard"] = 0, ["soft"] = 0 });
        (await _bundle.InsideAsync("awk '/Max open files/ {print $4, $5} /Max core file size/ {print $5, $6}' /proc/self/limits")).ShouldBe("0 0\n400 500");
    }

    [Fact]
    public async Task The_oom_score_is_raised()
    {
        _bundle.Process["oomScoreAdj"] = 321;
        (await _bundle.InsideAsync("cat /proc/self/oom_score_adj")).ShouldBe("321");
    }

    [Fact]
    public async Task The_personality_is_that_of_32_bits()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has no personality");
        _bundle.Linux["personality"] = new JsonObject { ["domain"] = "LINUX32" };
        (await _bundle.InsideAsync("uname -m")).ShouldBe("i686");
    }

    [Fact]
    public async Task Scheduler_and_io_priority_are_set()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has neither");
        _bundle.Process["scheduler"] = new JsonObject { ["policy"] = "SCHED_BATCH", ["nice"] = 5 };
        _bundle.Process["ioPriority"] = new JsonObject { ["class"] = "IOPRIO_CLASS_IDLE", ["priority"] = 0 };
        // Fields of stat: 19 the nice value, 41 the policy; 3 is SCHED_BATCH.
        (await _bundle.InsideAsync("set -- $(cat /proc/self/stat); echo ${19} ${41}; ionice -p $$")).ShouldStartWith("5 3\nidle");
    }

    [Fact]
    public async Task Sysctls_of_the_own_namespaces_are_set()
    {
        _bundle.Linux["sysctl"] = new JsonObject { ["net.ipv4.ip_forward"] = "1", ["kernel.shmmni"] = "1234", ["net/ipv4/conf/lo/accept_redirects"] = "0" };
        if (Bundle.IsRunc) _bundle.Linux["sysctl"]!.AsObject().Remove("net/ipv4/conf/lo/accept_redirects");
        (await _bundle.InsideAsync("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni")).ShouldBe("1\n1234");
    }

    [Theory]
    [InlineData("vm.swappiness")]
    [InlineData("kernel.core_pattern")]
    [InlineData("kernel.shmmni+x")]
    public async Task A_sysctl_of_the_host_is_refused(string name)
    {
        _bundle.Linux["sysctl"] = new JsonObject { [name] = "1" };
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(name);
    }

    [Fact]
    public async Task Configured_devices_are_there_with_owner_and_mode()
    {
        _bundle.Linux["devices"] = new JsonArray(new JsonObject { ["path"] = "/dev/deep/mine", ["type"] = "c", ["major"] = 1, ["minor"] = 5, ["fileMode"] = 0b110_100_100, ["uid"] = 7, ["gid"] = 8 });
        _bundle.Linux["resources"] = new JsonObject { ["devices"] = new JsonArray(new JsonObject { ["allow"] = false, ["access"] = "rwm" }, new JsonObject { ["allow"] = true, ["type"] = "c", ["major"] = 1, ["minor"] = 5, ["access"] = "rw" }) };
        (await _bundle.InsideAsync("stat -c '%F %t:%T %a %u:%g' /dev/deep/mine; head -c 2 /dev/deep/mine | wc -c")).ShouldBe("character special file 1:5 644 7:8\n2");
    }

    [Fact]
    public async Task No_descriptor_but_the_streams_is_open() => (await _bundle.InsideAsync("ls -1 /proc/self/fd | wc -l")).ShouldBe("4"); // the fourth is ls's own

    [Fact]
    public async Task Preserved_descriptors_are_passed_on()
    {
        _bundle.Script("cat <&3").Write();
        var file = Path.Combine(_bundle.Root, "third");
        File.WriteAllText(file, "passed");
        (await CommandResult.RunAsync("/bin/sh", ["-c", "exec 3< $1; shift; exec \"$@\"", "sh", file, Bundle.Runtime, "--root", _bundle.State, "run", "--preserve-fds", "1", "--bundle", _bundle.Location, _bundle.NewId()]))
            .ShouldExit(0).Text.ShouldBe("passed");
    }

    [Fact]
    public async Task Signals_are_at_their_defaults_and_none_is_blocked() =>
        (await _bundle.InsideAsync("grep -E '^Sig(Blk|Ign):' /proc/self/status | awk '{print $2}'")).ShouldBe("0000000000000000\n0000000000000000");

    [Theory]
    [InlineData("exit 7", 7)]
    [InlineData("kill -9 $$; sleep 5", 137)]
    public async Task The_exit_code_is_the_programs(string script, int code)
    {
        // The first process of a PID namespace cannot kill itself.
        if (code == 137) _bundle.WithoutNamespace("pid");
        (await _bundle.Script(script).RunAsync()).ShouldExit(code);
    }

    [Theory]
    [InlineData("nosuch", "executable file not found in $PATH")]
    [InlineData("/bin/nosuch", "no such file or directory")]
    [InlineData("/etc", "is a directory: permission denied")]
    public async Task A_program_that_cannot_be_run_is_told_by_name(string program, string words)
    {
        _bundle.Process["args"] = List(program);
        var result = (await _bundle.RunAsync()).ShouldExit(1);
        result.Error.ShouldContain(words);
        result.Error.ShouldContain(program);
    }

    [Theory]
    [InlineData("""{"process":null}""", "process")]
    [InlineData("""{"root":null}""", "root")]
    [InlineData("""{"root":{"path":"none"}}""", "rootfs")]
    [InlineData("""{"process":{"args":[],"cwd":"/"}}""", "args")]
    [InlineData("""{"process":{"args":["true"],"cwd":"here"}}""", "Cwd")]
    [InlineData("""{"process":{"args":["true"],"cwd":"/","rlimits":[{"type":"RLIMIT_FOO","hard":1,"soft":1}]}}""", "RLIMIT_FOO")]
    public async Task A_wrong_configuration_is_refused_by_the_fields_name(string change, string words)
    {
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject().ToList())
        {
            if (value is null) _bundle.Config.Remove(name);
            else _bundle.Config[name] = value.DeepClone();
        }
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain(words);
        Directory.Exists(_bundle.State).ShouldBe(Directory.Exists(_bundle.State) && Directory.GetFileSystemEntries(_bundle.State).Length == 0, "no state is left");
    }

    [Fact]
    public async Task An_unknown_major_version_is_refused()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc takes any version");
        _bundle.Config["ociVersion"] = "9.0.0";
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain("ociVersion");
    }

    [Fact]
    public async Task Affinity_of_an_exec_is_as_configured()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 has none");
        _bundle.Process["execCPUAffinity"] = new JsonObject { ["initial"] = "0", ["final"] = "0" };
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", id, "grep", "Cpus_allowed_list", "/proc/self/status")).ShouldExit(0).Text.Split('\t')[1].ShouldBe("0");
        File.ReadLines($"/proc/{(int)(await _bundle.StateAsync(id))["pid"]!}/status").First(line => line.StartsWith("Cpus_allowed_list", StringComparison.Ordinal)).ShouldNotBe("Cpus_allowed_list:\t0", string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} CPUs"));
    }
}
