using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>Hooks: when they run, where, and what they are told.</summary>
public sealed class HookTests : IDisposable
{
    private readonly Bundle _bundle = new();

    public void Dispose() => _bundle.Dispose();

    private string Log => Path.Combine(_bundle.Root, "hooks");

    private JsonObject Hook(string script, string? env = null) => new()
    {
        ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", script), ["env"] = new JsonArray("PATH=/usr/bin:/bin:/usr/sbin:/sbin", env ?? "X=y"),
    };

    private void Set(string stage, params JsonObject[] hooks)
    {
        var all = _bundle.Config["hooks"] as JsonObject ?? [];
        _bundle.Config["hooks"] = all;
        all[stage] = new JsonArray([.. hooks]);
    }

    [Fact]
    public async Task All_stages_run_in_their_order_with_the_state()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 runs poststart hooks at create");
        foreach (var stage in (string[])["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
            Set(stage, Hook($"echo {stage} $(cat | tr -d ' \\n' | sed 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/') >> {Log}"));
        // startContainer runs inside, where the container's root is the root.
        Set("startContainer", Hook("echo startContainer $(cat | tr -d ' \\n' | sed 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/') >> /tmp/hooks"));
        _bundle.Script("cat /tmp/hooks; sleep 1000");
        var id = await _bundle.CreateAsync();
        File.ReadAllText(Log).ShouldBe("prestart creating\ncreateRuntime creating\ncreateContainer creating\n");
        File.Exists(Path.Combine(_bundle.Rootfs, "tmp", "hooks")).ShouldBeFalse();
        (await _bundle.RuntimeAsync("start", id)).ShouldExit(0);
        File.ReadAllText(Path.Combine(_bundle.Rootfs, "tmp", "hooks")).ShouldBe("startContainer created\n");
        File.ReadAllText(Log).ShouldEndWith("poststart running\n");
        (await _bundle.RuntimeAsync("delete", "--force", id)).ShouldExit(0);
        File.ReadAllText(Log).ShouldEndWith("poststop stopped\n");
    }

    [Fact]
    public async Task Hooks_run_in_the_namespaces_of_their_stage()
    {
        Set("createRuntime", Hook($"readlink /proc/self/ns/net >> {Log}; readlink /proc/self/ns/mnt >> {Log}"));
        Set("createContainer", Hook($"readlink /proc/self/ns/net >> {Log}; test -e {_bundle.Rootfs}/proc/self && echo mounted >> {Log}"));
        var inside = await _bundle.InsideAsync("readlink /proc/self/ns/net");
        File.ReadAllLines(Log).ShouldBe([File.ResolveLinkTarget("/proc/self/ns/net", false)!.Name, File.ResolveLinkTarget("/proc/self/ns/mnt", false)!.Name, inside, "mounted"]);
    }

    [Fact]
    public async Task A_hook_of_the_start_runs_with_the_containers_identity()
    {
        _bundle.Process["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1000 };
        Set("startContainer", Hook("id -u > /tmp/who; grep CapEff /proc/self/status >> /tmp/who"));
        (await _bundle.InsideAsync("cat /tmp/who")).ShouldBe("1000\nCapEff:\t0000000000000000");
    }

    [Fact]
    public async Task A_hook_has_its_arguments_and_environment_and_nothing_else()
    {
        Set("createRuntime", Hook($"env | grep -v '^_=\\|^PWD=\\|^SHLVL=' | sort > {Log}", "GIVEN=1"));
        (await _bundle.Script("true").RunAsync()).ShouldExit(0);
        File.ReadAllText(Log).ShouldBe("GIVEN=1\nPATH=/usr/bin:/bin:/usr/sbin:/sbin\n");
    }

    [Theory]
    [InlineData("prestart")]
    [InlineData("createRuntime")]
    [InlineData("createContainer")]
    [InlineData("startContainer")]
    [InlineData("poststart")]
    public async Task A_hook_that_fails_ends_the_container(string stage)
    {
        Set(stage, Hook("echo words >&2; exit 3"));
        var result = (await _bundle.Script("sleep 1000").RunAsync()).ShouldExit(1);
        result.Error.ShouldContain("exit status 3");
        result.Error.ShouldContain("words");
        (await _bundle.RuntimeAsync("list", "--quiet")).Text.ShouldBe("");
    }

    [Fact]
    public async Task A_hook_is_ended_after_its_time()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 waits for the hook's children too");
        var hook = Hook("sleep 60");
        hook["timeout"] = 1;
        Set("createRuntime", hook);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain("timeout");
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_failing_poststop_hook_is_a_warning_alone()
    {
        Assert.SkipWhen(Bundle.IsRunc, "runc 1.1 leaves out the hooks behind one that fails");
        Set("poststop", Hook("exit 3"), Hook($"echo second > {Log}"));
        (await _bundle.Script("true").RunAsync()).ShouldExit(0).Error.ShouldContain("exit status 3");
        File.ReadAllText(Log).ShouldBe("second\n");
    }

    [Fact]
    public async Task A_path_that_is_not_there_is_told()
    {
        Set("prestart", new JsonObject { ["path"] = "/not/there" });
        (await _bundle.RunAsync()).ShouldExit(1).Error.ShouldContain("/not/there");
    }
}
