using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>podman runs its containers with <c>--runtime wharf-runtime</c>: by way of conmon, which speaks to the runtime as to runc.</summary>
public sealed class PodmanTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("wharf-podman-").FullName;
    private readonly IReadOnlyList<string> _podman;
    private readonly Dictionary<string, string> _environment;
    private readonly string _rootfs;

    public PodmanTests()
    {
        _podman = OtherEngine.Find("podman");
        _rootfs = OtherEngine.MakeRootfs(_root);
        // Its default limits are above what a machine without CAP_SYS_RESOURCE can give.
        File.WriteAllText(Path.Combine(_root, "containers.conf"), "[containers]\nlog_driver = \"k8s-file\"\ndefault_ulimits = []\n[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n");
        File.WriteAllText(Path.Combine(_root, "storage.conf"), $"[storage]\ndriver = \"vfs\"\nrunroot = \"{_root}/run\"\ngraphroot = \"{_root}/graph\"\n");
        _environment = new() { ["CONTAINERS_CONF"] = _root + "/containers.conf", ["CONTAINERS_STORAGE_CONF"] = _root + "/storage.conf", ["PODMAN_IGNORE_CGROUPSV1_WARNING"] = "1" };
    }

    private IReadOnlyList<string> Words(params string[] args) => [.. _podman, "--root", _root + "/graph", "--runroot", _root + "/run", "--tmpdir", _root + "/tmp", "--cgroup-manager", "cgroupfs", "--runtime", Bundle.Runtime, .. args];

    private Task<CommandResult> RunAsync(params string[] args)
    {
        var words = Words(args);
        return CommandResult.RunAsync(words[0], words.Skip(1), seconds: 120, environment: _environment);
    }

    private string[] Options(params string[] more) => ["--network", "none", "--cgroupns", "host", "--ulimit", "host", .. more, "--rootfs", _rootfs];

    [Fact]
    public async Task A_container_of_podmans_has_limits_takes_execs_and_stops()
    {
        (await RunAsync(["run", "-d", "--name", "c", "-m", "64m", "--pids-limit", "50", .. Options(), "sleep", "1000"])).ShouldExit(0);
        (await RunAsync("exec", "c", "cat", "/proc/self/cgroup")).ShouldExit(0).Text.ShouldContain("libpod");
        (await RunAsync("exec", "c", "sh", "-c", "exit 42")).ShouldExit(42);
        (await RunAsync("exec", "c", "nothing-of-the-kind")).ShouldExit(127);
        var stats = (await RunAsync("stats", "--no-stream", "--no-reset", "--format", "{{.MemUsage}}", "c")).ShouldExit(0).Text;
        stats.ShouldEndWith("/ 67.11MB");
        (await RunAsync("pause", "c")).ShouldExit(0);
        (await RunAsync("inspect", "--format", "{{.State.Status}}", "c")).ShouldExit(0).Text.ShouldBe("paused");
        (await RunAsync("unpause", "c")).ShouldExit(0);
        (await RunAsync("stop", "-t", "0", "c")).ShouldExit(0);
        (await RunAsync("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.OCIRuntime}}", "c")).ShouldExit(0).Text.ShouldBe($"exited 137 {Bundle.Runtime}");
        (await RunAsync("start", "c")).ShouldExit(0);
        (await RunAsync("rm", "-f", "-t", "0", "c")).ShouldExit(0);
    }

    [Fact]
    public async Task A_container_of_podmans_has_a_terminal()
    {
        var result = await OtherEngine.OnTerminalAsync(Words(["run", "--rm", "-it", .. Options(), "sh", "-c", "tty; sleep 1; stty size; exit 7"]), _environment);
        result.ShouldExit(7);
        result.Out.ShouldContain("/dev/pts/0");
        result.Out.ShouldContain("33 77");
    }

    public void Dispose()
    {
        if (_podman is null) return;
        RunAsync("rm", "-a", "-f", "-t", "0").GetAwaiter().GetResult();
        // podman mounts its own directory on itself.
        foreach (var line in File.ReadLines("/proc/self/mountinfo").ToList())
            if (line.Split(' ')[4] is var at && at.StartsWith(_root, StringComparison.Ordinal)) CommandResult.RunAsync("umount", ["-l", at]).GetAwaiter().GetResult();
        Directory.Delete(_root, recursive: true);
    }
}
