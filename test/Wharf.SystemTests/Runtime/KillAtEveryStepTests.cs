using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>
/// <c>wharf-runtime</c> is killed at one system call after the other while it makes a container, runs one, runs a process in one, or deletes one;
/// whatever there is then, <c>delete --force</c> removes it. strace does the killing (<c>inject=…:signal=KILL:when=N</c>). By default a
/// sample of the steps; with WHARF_TEST_LONG=1 every one.
/// </summary>
public sealed class KillAtEveryStepTests : IDisposable
{
    /// <summary>Calls that change something outside the process, or come right before or after one that does.</summary>
    private static readonly string[] Steps =
    [
        "mkdir", "mkdirat", "openat", "write", "rename", "renameat2", "unlink", "unlinkat", "clone", "clone3", "unshare", "setns", "mount", "move_mount", "open_tree", "fsopen", "fsmount",
        "mount_setattr", "pivot_root", "symlinkat", "mknodat", "pipe2", "socket", "bind", "flock", "fchmod", "execve", "waitid", "exit_group",
    ];
    private const int MostOfOne = 500;

    private readonly string _root = Directory.CreateTempSubdirectory("wharf-kill-").FullName;
    private readonly string _marker = $"86{Environment.ProcessId:D7}";
    private readonly string _runtime = Environment.GetEnvironmentVariable("WHARF_TEST_RUNTIME") ?? Path.Combine(EngineFixture.Binaries, "wharf-runtime");

    private string State => Path.Combine(_root, "state");

    private void MakeBundle()
    {
        var rootfs = Path.Combine(_root, "bundle", "rootfs");
        foreach (var name in (string[])["bin", "proc", "dev", "sys"]) Directory.CreateDirectory(Path.Combine(rootfs, name));
        File.Copy("/bin/busybox", Path.Combine(rootfs, "bin", "busybox"));
        File.CreateSymbolicLink(Path.Combine(rootfs, "bin", "sleep"), "busybox");
        var spec = new JsonObject
        {
            ["ociVersion"] = "1.2.0",
            ["process"] = new JsonObject { ["args"] = new JsonArray("/bin/sleep", _marker), ["cwd"] = "/", ["env"] = new JsonArray("PATH=/bin"), ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 } },
            ["root"] = new JsonObject { ["path"] = "rootfs" },
            ["mounts"] = new JsonArray(
                new JsonObject { ["destination"] = "/proc", ["type"] = "proc", ["source"] = "proc" },
                new JsonObject { ["destination"] = "/dev", ["type"] = "tmpfs", ["source"] = "tmpfs" }),
            ["linux"] = new JsonObject
            {
                ["cgroupsPath"] = $"/wharf-kill-{_marker}/c",
                ["namespaces"] = new JsonArray(((string[])["pid", "mount", "ipc", "uts", "network"]).Select(type => (JsonNode)new JsonObject { ["type"] = type }).ToArray()),
                ["resources"] = new JsonObject { ["memory"] = new JsonObject { ["limit"] = 64 << 20 } },
            },
        };
        File.WriteAllText(Path.Combine(_root, "bundle", "config.json"), spec.ToJsonString());
    }

    [Theory]
    [InlineData("create", 3, 30)]
    [InlineData("run", 12, 10)]
    [InlineData("exec", 12, 10)]
    [InlineData("delete", 12, 6)]
    public async Task What_a_killed_runtime_leaves_delete_force_removes(string command, int sparseness, int least)
    {
        Assert.SkipWhen(Bundle.IsRunc && command is ("create" or "run"), "runc 1.1 leaves cgroups behind that it made before its state was written");
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace, which does the killing, is not installed");
        MakeBundle();
        bool every = Environment.GetEnvironmentVariable("WHARF_TEST_LONG") == "1";
        int killed = 0;
        var never = new List<string>();
        foreach (var call in Steps)
        {
            int step = 1;
            // strace counts each thread's calls for itself: the one that comes to the number first is where the runtime, or the container's process, ends.
            for (; await KilledAtAsync(command, call, step); step += every ? 1 : sparseness > 3 ? step * 4 : 1 + step / sparseness)
            {
                killed++;
                step.ShouldBeLessThan(MostOfOne, call);
            }
            if (step == 1) never.Add(call);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{command}: killed {killed} times; never called: {string.Join(' ', never)}");
        killed.ShouldBeGreaterThan(least);
    }

    /// <summary>Kills the runtime at its <paramref name="step"/>th call while it does its work; false when there were fewer. Either way all is removed.</summary>
    private async Task<bool> KilledAtAsync(string command, string call, int step)
    {
        if (command is "exec" or "delete") (await ShellAsync($"{_runtime} --root {State} run --detach --bundle {_root}/bundle c")).ShouldBe(0, await File.ReadAllTextAsync(_root + "/out"));
        var words = command switch { "exec" => "exec c /bin/sleep 0", "delete" => "delete --force c", "run" => $"run --detach --bundle {_root}/bundle c", _ => $"create --bundle {_root}/bundle c" };
        // -D: the runtime is our child and strace stands aside, following the container, which holds none of our streams.
        int code = await ShellAsync($"strace -D -f -q -o {_root}/trace -e trace={call} -e inject={call}:signal=KILL:when={step} {_runtime} --root {State} {words}");
        var output = await File.ReadAllTextAsync(_root + "/out");
        // The container's process makes calls too, and may be the first to come to the number: then the runtime says so.
        bool killed = code == 137 || await TellsOfKillAsync(code == 0 ? 1 : 100);
        if (code != 0 && !killed) throw new InvalidOperationException($"{call} {step}: {command} ended with {code}: {output}");
        var delete = await DeleteAsync();
        delete.ExitCode.ShouldBe(0, $"delete --force after {command}, {call} {step}: {delete.Error}");
        ShouldBeGone($"{command}, {call} {step}");
        return killed;
    }

    // strace may write it a moment after the runtime has seen the end of its child.
    private async Task<bool> TellsOfKillAsync(int patience)
    {
        for (int attempt = 0; attempt < patience; attempt++)
        {
            if ((await File.ReadAllTextAsync(_root + "/trace")).Contains("killed by SIGKILL", StringComparison.Ordinal)) return true;
            if (patience > 1) await Task.Delay(50);
        }
        return false;
    }

    private async Task<int> ShellAsync(string command) => (await CommandResult.RunAsync("sh", ["-c", $"exec {command} > {_root}/out 2>&1 < /dev/null"])).ExitCode;

    private Task<CommandResult> DeleteAsync() => CommandResult.RunAsync(_runtime, ["--root", State, "delete", "--force", "c"]);

    private void ShouldBeGone(string step)
    {
        var left = new List<string>();
        if (Directory.Exists(State)) left.AddRange(Directory.GetFileSystemEntries(State).Where(entry => Path.GetFileName(entry) == "c").Select(entry => "state: " + entry));
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            if (Directory.Exists($"{hierarchy}/wharf-kill-{_marker}/c")) left.Add($"cgroup: {hierarchy}/wharf-kill-{_marker}/c");
        left.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(_root, StringComparison.Ordinal)).Select(line => "mount: " + line));
        left.AddRange(Processes().Select(process => "process: " + process));
        left.ShouldBeEmpty($"killed at {step}");
    }

    private IEnumerable<string> Processes()
    {
        foreach (var directory in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out int pid) || pid == Environment.ProcessId) continue;
            string line, stat;
            try
            {
                line = File.ReadAllText(directory + "/cmdline").Replace('\0', ' ');
                stat = File.ReadAllText(directory + "/stat");
            }
            catch (IOException) { continue; } // it ended while we looked
            // The kernel tells systemd of an empty group of version 1; strace ends a moment after what it watched.
            if (line.Contains("systemd-cgroups-agent", StringComparison.Ordinal) || line.StartsWith("strace ", StringComparison.Ordinal)) continue;
            if ((line.Contains(_marker, StringComparison.Ordinal) || line.Contains(_root, StringComparison.Ordinal)) && !stat[(stat.LastIndexOf(')') + 2)..].StartsWith('Z')) yield return $"{pid} {line}";
        }
    }

    public void Dispose()
    {
        // Where the test has failed, what it found.
        foreach (var process in Processes().ToArray()) CommandResult.RunAsync("kill", ["-9", process.Split(' ')[0]]).GetAwaiter().GetResult();
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            for (int i = 0; i < 100 && Directory.Exists($"{hierarchy}/wharf-kill-{_marker}/c"); i++)
            {
                try { Directory.Delete($"{hierarchy}/wharf-kill-{_marker}/c"); }
                catch (IOException) { Thread.Sleep(10); } // the killed are still leaving
            }
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            if (Directory.Exists($"{hierarchy}/wharf-kill-{_marker}")) Directory.Delete($"{hierarchy}/wharf-kill-{_marker}");
        Directory.Delete(_root, recursive: true);
    }
}
