using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>The commands, their states and their words.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    [Fact]
    public async Task A_container_lives_from_create_to_delete()
    {
        _bundle.Script("echo started; exec sleep 1000");
        var id = await _bundle.CreateAsync("--pid-file", Path.Combine(_bundle.Root, "pid"));
        var state = await _bundle.StateAsync(id);
        ((string?)state["status"]).ShouldBe("created");
        ((string?)state["id"]).ShouldBe(id);
        ((string?)state["bundle"]).ShouldBe(_bundle.Location);
        ((string?)state["rootfs"]).ShouldBe(_bundle.Rootfs);
        File.ReadAllText(Path.Combine(_bundle.Root, "pid")).ShouldBe(state["pid"]!.ToString());
        File.ReadAllText(_bundle.Output).ShouldBe("");
        (await _bundle.RuntimeAsync("start", id)).ShouldExit(0);
        (await _bundle.StatusAsync(id)).ShouldBe("running");
        await UntilOutput("started\n");
        (await _bundle.RuntimeAsync("pause", id)).ShouldExit(0);
        (await _bundle.StatusAsync(id)).ShouldBe("paused");
        (await _bundle.RuntimeAsync("resume", id)).ShouldExit(0);
        (await _bundle.RuntimeAsync("kill", id, "KILL")).ShouldExit(0);
        await _bundle.UntilAsync(id, "stopped");
        ((int)(await _bundle.StateAsync(id))["pid"]!).ShouldBe(0);
        (await _bundle.RuntimeAsync("delete", id)).ShouldExit(0);
        (await _bundle.RuntimeAsync("state", id)).ShouldExit(1).Error.ShouldContain("container does not exist");
    }

    private async Task UntilOutput(string text)
    {
        for (int attempt = 0; File.ReadAllText(_bundle.Output) != text; attempt++)
        {
            attempt.ShouldBeLessThan(100, File.ReadAllText(_bundle.Output));
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task Commands_in_the_wrong_state_say_so()
    {
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("start", id)).ShouldExit(1).Error.ShouldContain("cannot start an already running container");
        (await _bundle.RuntimeAsync("delete", id)).ShouldExit(1).Error.ShouldContain($"cannot delete container {id} that is not stopped: running");
        (await _bundle.RuntimeAsync("resume", id)).ShouldExit(1).Error.ShouldContain("container not paused");
        (await _bundle.RuntimeAsync("run", "--bundle", _bundle.Location, id)).ShouldExit(1).Error.ShouldContain("container with given ID already exists");
        (await _bundle.RuntimeAsync("pause", id)).ShouldExit(0);
        (await _bundle.RuntimeAsync("exec", id, "true")).ShouldExit(255).Error.ShouldContain("cannot exec in a paused container");
        (await _bundle.RuntimeAsync("kill", id, "KILL")).ShouldExit(0);
        await _bundle.UntilAsync(id, "stopped");
        (await _bundle.RuntimeAsync("start", id)).ShouldExit(1).Error.ShouldContain("cannot start a container that has stopped");
        (await _bundle.RuntimeAsync("exec", id, "true")).ShouldExit(255).Error.ShouldContain("cannot exec in a stopped container");
        (await _bundle.RuntimeAsync("kill", id)).ShouldExit(1).Error.ShouldContain("container not running");
        (await _bundle.RuntimeAsync("pause", id)).ShouldExit(1).Error.ShouldContain("container not running");
        (await _bundle.RuntimeAsync("kill", id, "NOSUCH")).ShouldExit(1).Error.ShouldContain("unknown signal");
    }

    [Theory]
    [InlineData("state")]
    [InlineData("start")]
    [InlineData("kill")]
    [InlineData("delete")]
    [InlineData("ps")]
    [InlineData("pause")]
    [InlineData("resume")]
    public async Task What_is_not_there_is_told(string command) => (await _bundle.RuntimeAsync(command, "nothing")).ShouldExit(1).Error.ShouldContain("container does not exist");

    [Fact]
    public async Task Deleting_what_is_not_there_by_force_is_no_error() => (await _bundle.RuntimeAsync("delete", "--force", "nothing")).ShouldExit(0);

    [Theory]
    [InlineData("../x")]
    [InlineData("a b")]
    [InlineData("..")]
    [InlineData("a/b")]
    public async Task An_id_that_is_no_name_is_refused(string id)
    {
        _bundle.Write();
        (await _bundle.RuntimeAsync("create", "--bundle", _bundle.Location, id)).ShouldExit(1).Error.ShouldContain("invalid container ID format");
    }

    [Fact]
    public async Task Errors_go_to_the_log_as_json_and_to_standard_error_in_words()
    {
        var log = Path.Combine(_bundle.Root, "log.json");
        var result = await CommandResult.RunAsync(Bundle.Runtime, ["--root", _bundle.State, "--log", log, "--log-format", "json", "state", "nothing"]);
        result.ShouldExit(1).Error.ShouldBe("container does not exist\n");
        var line = JsonNode.Parse(File.ReadAllText(log))!;
        ((string?)line["level"]).ShouldBe("error");
        ((string?)line["msg"]).ShouldBe("container does not exist");
        DateTime.Parse((string)line["time"]!, System.Globalization.CultureInfo.InvariantCulture).ShouldBe(DateTime.Now, TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Lists_are_tables_json_or_ids()
    {
        var before = await _bundle.RuntimeAsync("list", "--format", "json");
        if (!Bundle.IsRunc) before.ShouldExit(1).Error.ShouldContain("no such file or directory"); // a root that was named must be there; runc 1.1 lists nothing
        var id = await _bundle.StartAsync();
        var lines = (await _bundle.RuntimeAsync("list")).ShouldExit(0).Text.Split('\n');
        lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
        lines[1].ShouldContain($"running     {_bundle.Location}");
        lines[1].ShouldEndWith("root");
        var entry = JsonNode.Parse((await _bundle.RuntimeAsync("list", "--format", "json")).Out)![0]!;
        ((string?)entry["id"]).ShouldBe(id);
        ((string?)entry["status"]).ShouldBe("running");
        (await _bundle.RuntimeAsync("list", "-q")).Text.ShouldBe(id);
        (await _bundle.RuntimeAsync("delete", "--force", id)).ShouldExit(0);
        (await _bundle.RuntimeAsync("list", "--format", "json")).ShouldExit(0).Text.ShouldBe("null");
        (await _bundle.RuntimeAsync("list", "--format", "xml")).ShouldExit(1).Error.ShouldContain("invalid format option");
    }

    [Fact]
    public async Task Ps_shows_the_containers_processes_alone()
    {
        var id = await _bundle.StartAsync();
        int pid = (int)(await _bundle.StateAsync(id))["pid"]!;
        (await _bundle.RuntimeAsync("ps", "--format", "json", id)).ShouldExit(0).Text.ShouldBe($"[{pid}]");
        var lines = (await _bundle.RuntimeAsync("ps", id)).ShouldExit(0).Text.Split('\n');
        lines.Length.ShouldBe(2);
        lines[1].ShouldContain(" sleep 1000");
        (await _bundle.RuntimeAsync("ps", id, "-e", "-o", "pid,comm")).ShouldExit(0).Text.Split('\n')[1].Trim().ShouldStartWith($"{pid} ");
    }

    [Fact]
    public async Task Execs_have_their_own_user_directory_environment_and_code()
    {
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("exec", "--user", "1000:1001", "--cwd", "/tmp", "--env", "A=b", "-g", "5", id, "sh", "-c", "id -u; id -g; pwd; echo $A; grep Groups /proc/self/status; exit 9")).ShouldExit(9)
            .Text.Replace("\t", " ", StringComparison.Ordinal).TrimEnd().ShouldBe("1000\n1001\n/tmp\nb\nGroups: 5");
        (await _bundle.RuntimeAsync("exec", id, "nosuch")).ShouldExit(255).Error.ShouldContain("executable file not found in $PATH");
        (await _bundle.RuntimeAsync("exec", "--cwd", "/not/there", id, "true")).ExitCode.ShouldBeOneOf(255);
        (await _bundle.RuntimeAsync("exec", "--cap", "CAP_NET_RAW", id, "grep", "CapBnd", "/proc/self/status")).ShouldExit(0).Text.ShouldEndWith("2020");
        (await _bundle.RuntimeAsync("exec", id)).ExitCode.ShouldNotBe(0);
    }

    [Theory]
    [InlineData("1x")]
    [InlineData("-1")]
    [InlineData("4294967296")]
    [InlineData("4294967295")]
    [InlineData("root")]
    public async Task A_user_that_is_no_number_is_nobody(string user)
    {
        Assert.SkipWhen(Bundle.IsRunc && user == "4294967296", "runc 1.1 cuts the number off at 32 bits: this one is root there");
        var id = await _bundle.StartAsync();
        var result = await _bundle.RuntimeAsync("exec", "--user", user, id, "id", "-u");
        result.ShouldExit(255).Out.ShouldBe("");
    }

    [Fact]
    public async Task An_exec_can_be_described_by_a_file_and_go_on_in_the_background()
    {
        var id = await _bundle.StartAsync();
        var file = Path.Combine(_bundle.Root, "process.json");
        File.WriteAllText(file, """{"args":["/bin/sh","-c","echo $WHO > /tmp/who; sleep 1000"],"cwd":"/","env":["PATH=/bin","WHO=me"],"user":{"uid":0,"gid":0}}""");
        (await _bundle.BackgroundAsync("exec", "--process", file, "--detach", "--pid-file", Path.Combine(_bundle.Root, "pid"), id)).ShouldExit(0);
        int pid = int.Parse(File.ReadAllText(Path.Combine(_bundle.Root, "pid")), System.Globalization.CultureInfo.InvariantCulture);
        JsonNode.Parse((await _bundle.RuntimeAsync("ps", "-f", "json", id)).Out)!.AsArray().Select(node => (int)node!).ShouldContain(pid);
        for (int attempt = 0; !File.Exists(Path.Combine(_bundle.Rootfs, "tmp", "who")) || File.ReadAllText(Path.Combine(_bundle.Rootfs, "tmp", "who")) != "me\n"; attempt++)
        {
            attempt.ShouldBeLessThan(100);
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task Kill_all_reaches_processes_that_init_does_not_take_along()
    {
        var id = await _bundle.WithoutNamespace("pid").StartAsync("sleep 1000 & sleep 1000 & wait");
        for (int attempt = 0; JsonNode.Parse((await _bundle.RuntimeAsync("ps", "-f", "json", id)).Out)!.AsArray().Count != 3; attempt++)
        {
            attempt.ShouldBeLessThan(100);
            await Task.Delay(50);
        }
        (await _bundle.RuntimeAsync("kill", "--all", id, "KILL")).ShouldExit(0);
        await _bundle.UntilAsync(id, "stopped");
        for (int attempt = 0; (await _bundle.RuntimeAsync("ps", "-f", "json", id)).Text is not ("[]" or "null"); attempt++)
        {
            attempt.ShouldBeLessThan(100);
            await Task.Delay(50);
        }
        (await _bundle.RuntimeAsync("delete", id)).ShouldExit(0);
    }

    [Fact]
    public async Task A_foreground_run_hands_on_signals_and_leaves_nothing()
    {
        _bundle.Script("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done").Write();
        var result = await CommandResult.RunAsync("/bin/sh", ["-c", "\"$@\" > $0 & pid=$!; until grep -q ready $0; do sleep 0.05; done; kill -TERM $pid; wait $pid; code=$?; cat $0; exit $code",
            _bundle.Output, Bundle.Runtime, "--root", _bundle.State, "run", "--bundle", _bundle.Location, _bundle.NewId()]);
        result.ShouldExit(5).Text.ShouldBe("ready\ngot");
        (await _bundle.RuntimeAsync("list", "-q")).Text.ShouldBe("");
    }

    [Fact]
    public async Task Spec_writes_a_configuration_that_runs()
    {
        var directory = Path.Combine(_bundle.Root, "new");
        Directory.CreateDirectory(directory);
        (await _bundle.RuntimeAsync("spec", "--bundle", directory)).ShouldExit(0);
        (await _bundle.RuntimeAsync("spec", "--bundle", directory)).ShouldExit(1).Error.ShouldContain("File config.json exists");
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(directory, "config.json")))!;
        config["root"]!["path"] = _bundle.Rootfs;
        config["process"]!["terminal"] = false;
        config["process"]!["args"] = new JsonArray("echo", "works");
        File.WriteAllText(Path.Combine(directory, "config.json"), config.ToJsonString());
        (await _bundle.RuntimeAsync("run", "--bundle", directory, _bundle.NewId())).ShouldExit(0).Text.ShouldBe("works");
    }

    [Fact]
    public async Task A_terminal_needs_one_to_be_shown_on()
    {
        _bundle.Process["terminal"] = true;
        _bundle.Script("tty").Write();
        string[] run = [Bundle.Runtime, "--root", _bundle.State, "run", "--bundle", _bundle.Location];
        var refused = await CommandResult.RunAsync("setsid", ["--wait", .. run, _bundle.NewId()]);
        refused.ExitCode.ShouldBe(1);
        if (!Bundle.IsRunc) refused.Error.ShouldContain("open /dev/tty: no such device or address"); // 1.1 says "provided file is not a console"
        // Standard input may be anything while an output is a terminal.
        (await OtherEngine.OnTerminalAsync(["sh", "-c", "exec \"$@\" < /dev/null", "sh", .. run, _bundle.NewId()], new Dictionary<string, string>())).ShouldExit(0).Out.ShouldContain("/dev/pts/0");
        (await OtherEngine.OnTerminalAsync(["sh", "-c", "\"$@\" > /tmp/none 2>&1 < /dev/null; cat /tmp/none; rm /tmp/none".Replace("/tmp/none", _bundle.Root + "/none", StringComparison.Ordinal), "sh", .. run, _bundle.NewId()], new Dictionary<string, string>())).ShouldExit(0).Out.ShouldContain("/dev/pts/0");
    }

    [Fact]
    public async Task Features_and_version_are_as_tools_expect()
    {
        var features = JsonNode.Parse((await _bundle.RuntimeAsync("features")).ShouldExit(0).Out)!;
        features["hooks"]!.AsArray().Count.ShouldBe(6);
        features["linux"]!["namespaces"]!.AsArray().Select(node => (string?)node).ShouldContain("user");
        ((bool)features["linux"]!["seccomp"]!["enabled"]!).ShouldBeTrue();
        var lines = (await CommandResult.RunAsync(Bundle.Runtime, ["--version"])).ShouldExit(0).Text.Split('\n');
        lines[0].ShouldMatch(@"^\S+ version \d+\.\d+\.\d+");
        lines[1].ShouldStartWith("commit: ");
        lines[2].ShouldMatch(@"^spec: 1\.\d+\.\d+");
    }

    [Theory]
    [InlineData("state")]
    [InlineData("create")]
    public async Task A_missing_argument_shows_the_usage(string command)
    {
        var result = (await _bundle.RuntimeAsync(command)).ShouldExit(1);
        result.Out.ShouldContain("Incorrect Usage.");
        result.Out.ShouldContain("USAGE:");
        result.Error.ShouldContain($"\\\"{command}\\\" requires exactly 1 argument(s)");
    }

    [Fact]
    public async Task Update_changes_limits_and_events_tells_usage()
    {
        var id = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("update", "--memory", "64m", "--pids-limit", "20", "--cpu-share", "512", id)).ShouldExit(0);
        var path = (string?)_bundle.Linux["cgroupsPath"];
        async Task<string> ReadAsync(string file) => (await File.ReadAllTextAsync(Cgroups.CgroupFiles.OnHost(path!, file), TestContext.Current.CancellationToken)).Trim();
        (await ReadAsync(Cgroups.CgroupFiles.Memory)).ShouldBe("67108864");
        (await ReadAsync(Cgroups.CgroupFiles.Pids)).ShouldBe("20");
        var stats = JsonNode.Parse((await _bundle.RuntimeAsync("events", "--stats", id)).ShouldExit(0).Out)!;
        ((string?)stats["type"]).ShouldBe("stats");
        ((string?)stats["id"]).ShouldBe(id);
        ((long)stats["data"]!["memory"]!["usage"]!["limit"]!).ShouldBe(67108864);
        ((long)stats["data"]!["pids"]!["current"]!).ShouldBe(1);
    }
}
