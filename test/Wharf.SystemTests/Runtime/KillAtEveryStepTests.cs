using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>
/// <c>wharf-runtime</c> is killed at one system call after the other while it makes a container; whatever there is then,
/// <c>delete --force</c> removes it. strace does the killing (<c>inject=…:signal=KILL:when=N</c>). By default a sample of the steps;
/// with WHARF_TEST_LONG=1 every one.
/// </summary>
public sealed class KillAtEveryStepTests : IDisposable
{
    /// <summary>Calls that change something outside the process, or come right before or after one that does.</summary>
    private const string Steps = "mkdir,mkdirat,openat,write,rename,renameat2,unlink,unlinkat,clone,clone3,unshare,setns,mount,move_mount,open_tree,fsmount,mount_setattr,pivot_root,symlinkat,mknodat,pipe2,socket,bind,fchmod,execve,wait4,waitid";
    private const int MostSteps = 1500;

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

    [Fact]
    public async Task What_a_killed_runtime_leaves_delete_force_removes()
    {
        MakeBundle();
        bool every = Environment.GetEnvironmentVariable("WHARF_TEST_LONG") == "1";
        int killed = 0, step = 1;
        for (; step <= MostSteps; step += every ? 1 : 1 + step / 6)
        {
            var create = await CommandResult.RunAsync("strace", ["-f", "-qq", "-o", "/dev/null", "-e", $"trace={Steps}", "-e", $"inject={Steps}:signal=KILL:when={step}",
                _runtime, "--root", State, "create", "--bundle", Path.Combine(_root, "bundle"), "c"]);
            if (create.ExitCode == 0)
            {
                // Past its last step: a container that is whole, removed the same way.
                (await DeleteAsync()).ShouldExit(0);
                ShouldBeGone(step);
                break;
            }
            killed++;
            var delete = await DeleteAsync();
            delete.ExitCode.ShouldBe(0, $"delete --force after step {step}: {delete.Error}");
            ShouldBeGone(step);
        }
        step.ShouldBeLessThan(MostSteps, "the runtime never came to its end");
        killed.ShouldBeGreaterThan(10);
    }

    private Task<CommandResult> DeleteAsync() => CommandResult.RunAsync(_runtime, ["--root", State, "delete", "--force", "c"]);

    private void ShouldBeGone(int step)
    {
        var left = new List<string>();
        if (Directory.Exists(State)) left.AddRange(Directory.GetFileSystemEntries(State).Where(entry => Path.GetFileName(entry) == "c").Select(entry => "state: " + entry));
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            if (Directory.Exists($"{hierarchy}/wharf-kill-{_marker}/c")) left.Add($"cgroup: {hierarchy}/wharf-kill-{_marker}/c");
        left.AddRange(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(_root, StringComparison.Ordinal)).Select(line => "mount: " + line));
        left.AddRange(Processes().Select(process => "process: " + process));
        left.ShouldBeEmpty($"killed at step {step}");
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
            if ((line.Contains(_marker, StringComparison.Ordinal) || line.Contains(_root, StringComparison.Ordinal)) && !stat[(stat.LastIndexOf(')') + 2)..].StartsWith('Z')) yield return $"{pid} {line}";
        }
    }

    public void Dispose()
    {
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
            if (Directory.Exists($"{hierarchy}/wharf-kill-{_marker}")) Directory.Delete($"{hierarchy}/wharf-kill-{_marker}");
        Directory.Delete(_root, recursive: true);
    }
}
