using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>checkpoint and restore by criu: that of the machine where it works on this kernel, or the one WHARF_TEST_CRIU names.</summary>
public sealed class CheckpointTests : IDisposable
{
    private static readonly string s_criu = Environment.GetEnvironmentVariable("WHARF_TEST_CRIU") ?? "/usr/sbin/criu";
    private static readonly Lazy<Task<string?>> s_missing = new(FindMissingAsync);

    private readonly Bundle _bundle = new();

    private string Images => Path.Combine(_bundle.Root, "images");
    private string Work => Path.Combine(_bundle.Root, "work");

    public void Dispose() => _bundle.Dispose();

    private static async Task<string?> FindMissingAsync()
    {
        if (!File.Exists(s_criu)) return $"criu is not installed ({s_criu})";
        if (!((string[])["/usr/sbin/iptables-restore", "/sbin/iptables-restore"]).Any(File.Exists)) return "criu locks the network by iptables-restore, which is not installed";
        var check = await CommandResult.RunAsync(s_criu, ["check"]);
        return check.ExitCode == 0 ? null : $"this criu does not work on this kernel: {check.Error.Trim()}";
    }

    private static async Task NeedCriuAsync() => Assert.SkipWhen(await s_missing.Value is not null, await s_missing.Value ?? "");

    private Task<CommandResult> CriuAsync(string command, params string[] args) => _bundle.RuntimeAsync(["--criu", s_criu, command, "--image-path", Images, "--work-path", Work, .. args]);

    private string Log(string name) => File.Exists(Path.Combine(Work, name)) ? File.ReadAllText(Path.Combine(Work, name)) : "no log";

    private async Task<CommandResult> RestoreAsync(string id, params string[] flags) =>
        await CommandResult.RunAsync("/bin/sh", ["-c", "exec \"$@\" < /dev/null > /dev/null 2>&1", "sh", Bundle.Runtime, "--root", _bundle.State, "--criu", s_criu, "restore", "--image-path", Images, "--work-path", Work,
            "--bundle", _bundle.Location, "--detach", .. flags, id]);

    /// <summary>A container that counts in a file, with no stream that leads out of it.</summary>
    private async Task<string> CountingAsync()
    {
        _bundle.Script("exec < /dev/null > /dev/null 2>&1; i=0; echo inside > /dev/shm/kept; while :; do i=$((i+1)); echo $i > /tmp/n.new; mv /tmp/n.new /tmp/n; sleep 0.1; done").Write();
        var id = _bundle.NewId();
        (await CommandResult.RunAsync("/bin/sh", ["-c", "exec \"$@\" < /dev/null > /dev/null 2>&1", "sh", Bundle.Runtime, "--root", _bundle.State, "run", "--detach", "--bundle", _bundle.Location, id])).ShouldExit(0);
        await CountIsAboveAsync(id, 2);
        return id;
    }

    private async Task<int> CountAsync(string id) => int.TryParse((await _bundle.RuntimeAsync("exec", id, "cat", "/tmp/n")).Text, out int count) ? count : 0;

    private async Task<int> CountIsAboveAsync(string id, int least)
    {
        int count = 0;
        for (int attempt = 0; (count = await CountAsync(id)) <= least; attempt++)
        {
            attempt.ShouldBeLessThan(200, $"the count stays at {count}");
            await Task.Delay(50);
        }
        return count;
    }

    [Fact]
    public async Task A_restored_container_goes_on_where_it_was()
    {
        await NeedCriuAsync();
        _bundle.Linux["resources"] = new JsonObject { ["pids"] = new JsonObject { ["limit"] = 77 } };
        var shared = Directory.CreateDirectory(Path.Combine(_bundle.Root, "shared")).FullName;
        _bundle.Mount("/mnt/shared", "bind", shared, "rbind", "rw").Mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro");
        var id = await CountingAsync();
        (await CriuAsync("checkpoint", id)).ExitCode.ShouldBe(0, Log("dump.log"));
        (await _bundle.RuntimeAsync("state", id)).ShouldExit(1).Error.ShouldContain("container does not exist");
        int stopped = int.Parse(await File.ReadAllTextAsync(Path.Combine(_bundle.Rootfs, "tmp", "n"), TestContext.Current.CancellationToken));

        var pidFile = Path.Combine(_bundle.Root, "pid");
        (await RestoreAsync(id, "--pid-file", pidFile)).ExitCode.ShouldBe(0, Log("restore.log"));
        (await _bundle.StatusAsync(id)).ShouldBe("running");
        (await File.ReadAllTextAsync(pidFile, TestContext.Current.CancellationToken)).ShouldBe($"{await _bundle.PidOfAsync(id)}");
        (await CountIsAboveAsync(id, stopped)).ShouldBeLessThan(stopped + 1000);
        (await _bundle.RuntimeAsync("exec", id, "sh", "-c", "cat /dev/shm/kept; hostname; echo out > /mnt/shared/file; cat /proc/kcore | wc -c; touch /sys/no 2>&1 | grep -o 'Read-only'; echo $$; ls /sys/fs/cgroup | wc -l"))
            .ShouldExit(0).Text.Split('\n')[..4].ShouldBe(["inside", "inside", "0", "Read-only"]);
        (await File.ReadAllTextAsync(Path.Combine(shared, "file"), TestContext.Current.CancellationToken)).ShouldBe("out\n");
        var group = Cgroups.CgroupFiles.V2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
        (await File.ReadAllTextAsync($"{group}{_bundle.Linux["cgroupsPath"]}/pids.max", TestContext.Current.CancellationToken)).ShouldBe("77\n");
        (await _bundle.RuntimeAsync("kill", id, "KILL")).ShouldExit(0);
        await _bundle.UntilAsync(id, "stopped");
    }

    [Fact]
    public async Task A_container_can_be_left_running_and_be_checkpointed_again()
    {
        await NeedCriuAsync();
        var id = await CountingAsync();
        for (int round = 0; round < 2; round++)
        {
            (await CriuAsync("checkpoint", "--leave-running", id)).ExitCode.ShouldBe(0, Log("dump.log"));
            (await _bundle.StatusAsync(id)).ShouldBe("running");
            await CountIsAboveAsync(id, await CountAsync(id));
        }
        (await RestoreAsync(id)).ExitCode.ShouldBe(1); // there is one of that name
        (await _bundle.StatusAsync(id)).ShouldBe("running");
    }

    [Fact]
    public async Task Pipes_of_the_caller_are_handed_on_and_the_exit_code_comes_back()
    {
        await NeedCriuAsync();
        _bundle.Script("echo before; while ! [ -e /tmp/go ]; do sleep 0.1; done; echo after; exit 7").Write();
        var id = _bundle.NewId();
        var first = _bundle.RuntimeAsync("run", "--bundle", _bundle.Location, id);
        for (int attempt = 0; (await _bundle.RuntimeAsync("state", id)).Text.Contains("running", StringComparison.Ordinal) is false; attempt++)
        {
            attempt.ShouldBeLessThan(200);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        (await CriuAsync("checkpoint", id)).ExitCode.ShouldBe(0, Log("dump.log"));
        (await first).Out.ShouldBe("before\n");
        await File.WriteAllTextAsync(Path.Combine(_bundle.Rootfs, "tmp", "go"), "", TestContext.Current.CancellationToken);
        (await CriuAsync("restore", "--bundle", _bundle.Location, id)).ShouldExit(7).Out.ShouldBe("after\n");
        (await _bundle.RuntimeAsync("state", id)).ShouldExit(1);
    }

    [Fact]
    public async Task What_cannot_be_checkpointed_or_restored_says_why()
    {
        var id = await _bundle.CreateAsync();
        (await CriuAsync("checkpoint", id)).ShouldExit(1).Error.ShouldContain("cannot be checkpointed in created state");
        (await _bundle.RuntimeAsync("start", id)).ShouldExit(0);
        var running = await _bundle.StartAsync();
        (await _bundle.RuntimeAsync("--criu", "/nonexistent/criu", "checkpoint", "--image-path", Images, running)).ShouldExit(1).Error.ShouldContain(Bundle.IsRunc ? "criu" : "criu is not installed: /nonexistent/criu: no such file or directory");
        (await CriuAsync("checkpoint", "--manage-cgroups-mode", "wrong", running)).ShouldExit(1).Error.ShouldContain(Bundle.IsRunc ? "Invalid manage cgroups mode" : "Invalid manage-cgroups-mode value");
        (await _bundle.StatusAsync(running)).ShouldBe("running");
        await NeedCriuAsync();
        // Its output is a file of the host's, which nothing in the container leads to.
        (await CriuAsync("checkpoint", running)).ShouldExit(1).Error.ShouldContain("criu failed: type DUMP errno");
        (await _bundle.StatusAsync(running)).ShouldBe("running");
        var other = _bundle.NewId();
        (await _bundle.RuntimeAsync("--criu", s_criu, "restore", "--bundle", _bundle.Location, "--image-path", Path.Combine(_bundle.Root, "none"), other)).ShouldExit(1);
        (await _bundle.RuntimeAsync("state", other)).ShouldExit(1);
    }
}
