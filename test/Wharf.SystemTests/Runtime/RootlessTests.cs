using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Runtime;

/// <summary>The runtime called by a user who is not root.</summary>
public sealed class RootlessTests : IDisposable
{
    private const string User = "54321";

    private readonly string _root = Directory.CreateTempSubdirectory("wharf-rootless-").FullName;
    private readonly Bundle _bundle = new();
    private readonly string _runtime;

    public RootlessTests()
    {
        // Where anyone may execute it.
        File.SetUnixFileMode(_root, (UnixFileMode)0b111_101_101);
        _runtime = Path.Combine(_root, Path.GetFileName(Bundle.Runtime));
        File.Copy(Bundle.Runtime, _runtime);
        File.SetUnixFileMode(_runtime, (UnixFileMode)0b111_101_101);
        Directory.CreateDirectory(Path.Combine(_root, "run"));
        Bundle.Chown(Path.Combine(_root, "run"), int.Parse(User));
        foreach (var path in Directory.GetFileSystemEntries(_bundle.Rootfs).Append(_bundle.Rootfs).Append(_bundle.Location)) Bundle.Chown(path, int.Parse(User));
    }

    public void Dispose()
    {
        _bundle.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private Task<CommandResult> AsUserAsync(params string[] command) => CommandResult.RunAsync("setpriv", ["--reuid", User, "--regid", User, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", .. command], null, 60,
        new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = Path.Combine(_root, "run") });

    private Task<CommandResult> RuntimeAsync(params string[] args) => AsUserAsync([_runtime, .. args]);

    private Task<CommandResult> BackgroundAsync(params string[] args) => AsUserAsync(["/bin/sh", "-c", "exec \"$@\" < /dev/null > $XDG_RUNTIME_DIR/output 2>&1", "sh", _runtime, .. args]);

    private async Task SpecAsync(string script)
    {
        var unshare = await AsUserAsync("unshare", "--user", "--map-root-user", "true");
        Assert.SkipUnless(unshare.ExitCode == 0, $"this machine's users may make no user namespaces: {unshare.Error.Trim()}");
        (await RuntimeAsync("spec", "--rootless", "--bundle", _bundle.Location)).ShouldExit(0);
        var file = Path.Combine(_bundle.Location, "config.json");
        var spec = JsonNode.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken))!;
        spec["process"]!["terminal"] = false;
        spec["process"]!["args"] = new JsonArray("/bin/sh", "-c", script);
        spec["process"]!["env"] = new JsonArray("PATH=/bin");
        await File.WriteAllTextAsync(file, spec.ToJsonString(), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_user_runs_a_container_in_which_he_is_root()
    {
        await SpecAsync("id -u; cat /proc/self/uid_map; echo > /dev/null && echo null; hostname; grep CapEff /proc/self/status | wc -l; ls / | grep -c proc; exit 3");
        var lines = (await RuntimeAsync("run", "--bundle", _bundle.Location, "r1")).ShouldExit(3).Text.Split('\n');
        lines[0].ShouldBe("0");
        lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["0", User, "1"]);
        lines[2..].ShouldBe(["null", "runc", "1", "1"]);
        (await RuntimeAsync("list", "-q")).ShouldExit(0).Out.ShouldBe("");
    }

    [Fact]
    public async Task His_container_is_executed_in_killed_and_deleted_by_him()
    {
        await SpecAsync("sleep 1000");
        (await BackgroundAsync("run", "--detach", "--bundle", _bundle.Location, "r2")).ShouldExit(0);
        try
        {
            (await RuntimeAsync("exec", "r2", "sh", "-c", "id -u; ls /proc | grep -c '^1$'")).ShouldExit(0).Text.ShouldBe("0\n1");
            JsonNode.Parse((await RuntimeAsync("state", "r2")).ShouldExit(0).Out)!["status"]!.GetValue<string>().ShouldBe("running");
        }
        finally { (await RuntimeAsync("delete", "--force", "r2")).ShouldExit(0); }
        (await RuntimeAsync("list", "-q")).ShouldExit(0).Out.ShouldBe("");
    }

    [Fact]
    public async Task His_container_is_created_and_started()
    {
        await SpecAsync("echo started");
        (await BackgroundAsync("create", "--bundle", _bundle.Location, "r3")).ShouldExit(0);
        (await RuntimeAsync("start", "r3")).ShouldExit(0);
        for (int attempt = 0; !File.ReadAllText(Path.Combine(_root, "run", "output")).Contains("started", StringComparison.Ordinal); attempt++)
        {
            attempt.ShouldBeLessThan(100);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        (await RuntimeAsync("delete", "--force", "r3")).ShouldExit(0);
    }

    [Fact]
    public async Task Without_a_user_namespace_he_is_told()
    {
        await SpecAsync("true");
        var file = Path.Combine(_bundle.Location, "config.json");
        var spec = JsonNode.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken))!;
        var namespaces = spec["linux"]!["namespaces"]!.AsArray();
        namespaces.Remove(namespaces.First(ns => (string?)ns!["type"] == "user"));
        spec["linux"]!.AsObject().Remove("uidMappings");
        spec["linux"]!.AsObject().Remove("gidMappings");
        await File.WriteAllTextAsync(file, spec.ToJsonString(), TestContext.Current.CancellationToken);
        (await RuntimeAsync("run", "--bundle", _bundle.Location, "r4")).ShouldExit(1).Error.ShouldContain("ootless container requires user namespaces");
    }
}
