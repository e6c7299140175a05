using System.Globalization;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Runtime;

/// <summary>
/// An OCI bundle with busybox, and the runtime under test with a state directory of its own. WHARF_TEST_RUNTIME names another runtime,
/// /usr/sbin/runc say, so that a test can prove itself there. Disposing removes all containers and looks for what they left behind.
/// </summary>
public sealed class Bundle : IDisposable
{
    private static int s_last;

    private readonly List<string> _ids = [];

    public Bundle()
    {
        foreach (var name in (string[])["bin", "proc", "dev", "sys", "tmp", "etc", "root"]) Directory.CreateDirectory(Path.Combine(Rootfs, name));
        File.Copy("/bin/busybox", Path.Combine(Rootfs, "bin", "busybox"));
        foreach (var applet in s_applets.Value) File.CreateSymbolicLink(Path.Combine(Rootfs, "bin", applet), "busybox");
        File.SetUnixFileMode(Path.Combine(Rootfs, "tmp"), (UnixFileMode)0b1_111_111_111);
        Config = DefaultConfig();
    }

    private static readonly Lazy<string[]> s_applets = new(() =>
        [.. CommandResult.RunAsync("/bin/busybox", ["--list"]).GetAwaiter().GetResult().Text.Split('\n').Where(name => name is not ("busybox" or "")).Distinct()]);

    public static string Runtime { get; } = Environment.GetEnvironmentVariable("WHARF_TEST_RUNTIME") ?? Path.Combine(EngineFixture.Binaries, "wharf-runtime");

    /// <summary>True when the runtime under test is the peer that the tests prove themselves on.</summary>
    public static bool IsRunc { get; } = Path.GetFileName(Runtime).StartsWith("runc", StringComparison.Ordinal);

    /// <summary>A directory of this bundle, readable by all.</summary>
    public string Root { get; } = MakeRoot();
    public string Location => Path.Combine(Root, "bundle");
    public string Rootfs => Path.Combine(Root, "bundle", "rootfs");
    public string State => Path.Combine(Root, "state");
    public JsonObject Config { get; }
    public JsonObject Process => Config["process"]!.AsObject();
    public JsonObject Linux => Config["linux"]!.AsObject();
    public JsonArray Mounts => Config["mounts"]!.AsArray();

    private static string MakeRoot()
    {
        var root = Directory.CreateTempSubdirectory("wharf-oci-").FullName;
        File.SetUnixFileMode(root, (UnixFileMode)0b111_101_101);
        return root;
    }

    private JsonObject DefaultConfig() => (JsonObject)JsonNode.Parse($$"""
        {
          "ociVersion": "1.0.2",
          "process": { "user": { "uid": 0, "gid": 0 }, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": true,
            "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] } },
          "root": { "path": "rootfs" },
          "hostname": "inside",
          "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
            { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] }
          ],
          "linux": {
            "cgroupsPath": "/wharf-oci-{{Environment.ProcessId}}-{{Interlocked.Increment(ref s_last)}}",
            "namespaces": [ { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" } ],
            "maskedPaths": ["/proc/kcore", "/proc/scsi", "/sys/firmware"],
            "readonlyPaths": ["/proc/sys", "/proc/bus"]
          }
        }
        """)!;

    /// <summary>The program: a shell script.</summary>
    public Bundle Script(string script)
    {
        Process["args"] = new JsonArray("/bin/sh", "-c", script);
        return this;
    }

    public Bundle Mount(string destination, string type, string source, params string[] options)
    {
        Mounts.Add(new JsonObject { ["destination"] = destination, ["type"] = type, ["source"] = source, ["options"] = new JsonArray([.. options.Select(option => (JsonNode)option)]) });
        return this;
    }

    public Bundle Namespace(string type, string? path = null)
    {
        Linux["namespaces"]!.AsArray().Add(path is null ? new JsonObject { ["type"] = type } : new JsonObject { ["type"] = type, ["path"] = path });
        return this;
    }

    public Bundle WithoutNamespace(string type)
    {
        var list = Linux["namespaces"]!.AsArray();
        foreach (var ns in list.Where(ns => (string?)ns!["type"] == type).ToList()) list.Remove(ns);
        return this;
    }

    /// <summary>A user namespace whose root is user and group <paramref name="host"/>.</summary>
    public Bundle UserNamespace(int host = 200000)
    {
        Namespace("user");
        Linux["uidMappings"] = Map(0, host, 65536);
        Linux["gidMappings"] = Map(0, host, 65536);
        foreach (var path in Directory.GetFileSystemEntries(Rootfs).Append(Rootfs)) Chown(path, host);
        return this;
    }

    public static JsonArray Map(int container, int host, int size) => [new JsonObject { ["containerID"] = container, ["hostID"] = host, ["size"] = size }];

    public static void Chown(string path, int id) => CommandResult.RunAsync("chown", ["-h", string.Create(CultureInfo.InvariantCulture, $"{id}:{id}"), path]).GetAwaiter().GetResult().ShouldExit(0);

    public void Write() => File.WriteAllText(Path.Combine(Location, "config.json"), Config.ToJsonString());

    /// <summary>A command under which the runtime runs: in namespaces that the test makes.</summary>
    public string[] Within { get; init; } = [];

    /// <summary>Runs the runtime with global flags and what is given.</summary>
    public Task<CommandResult> RuntimeAsync(params string[] args)
    {
        string[] command = [.. Within, Runtime, "--root", State, .. args];
        return CommandResult.RunAsync(command[0], command[1..]);
    }

    /// <summary>Runs the container in the foreground to its end.</summary>
    public async Task<CommandResult> RunAsync(params string[] flags)
    {
        Write();
        return await RuntimeAsync(["run", "--bundle", Location, .. flags, NewId()]);
    }

    /// <summary>What the script prints inside.</summary>
    public async Task<string> InsideAsync(string script) => (await Script(script).RunAsync()).ShouldExit(0).Text;

    /// <summary>Starts it in the background; its output goes to a file of the bundle.</summary>
    public async Task<string> StartAsync(string script = "sleep 1000", params string[] flags)
    {
        Script(script).Write();
        var id = NewId();
        (await BackgroundAsync("run", ["--detach", "--bundle", Location, .. flags, id])).ShouldExit(0);
        return id;
    }

    public async Task<string> CreateAsync(params string[] flags)
    {
        Write();
        var id = NewId();
        (await BackgroundAsync("create", ["--bundle", Location, .. flags, id])).ShouldExit(0);
        return id;
    }

    /// <summary>A call whose process leaves others behind: they must not hold the test's pipes.</summary>
    public Task<CommandResult> BackgroundAsync(string command, params string[] args) =>
        CommandResult.RunAsync("/bin/sh", ["-c", "log=$1; shift; \"$@\" < /dev/null > $log 2>&1; code=$?; [ $code = 0 ] || cat $log >&2; exit $code", "sh", Output, .. Within, Runtime, "--root", State, command, .. args]);

    public string Output => Path.Combine(Root, "output");

    public string NewId()
    {
        var id = $"t{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}";
        _ids.Add(id);
        return id;
    }

    public async Task<JsonNode> StateAsync(string id) => JsonNode.Parse((await RuntimeAsync("state", id)).ShouldExit(0).Out)!;

    public async Task<string> StatusAsync(string id) => (string)(await StateAsync(id))["status"]!;

    public async Task<int> PidOfAsync(string id) => (int)(await StateAsync(id))["pid"]!;

    /// <summary>Waits until the container has the status.</summary>
    public async Task UntilAsync(string id, string status)
    {
        for (int attempt = 0; await StatusAsync(id) != status; attempt++)
        {
            attempt.ShouldBeLessThan(100, $"{id} does not become {status}");
            await Task.Delay(50);
        }
    }

    public void Dispose()
    {
        foreach (var id in _ids) RuntimeAsync("delete", "--force", id).GetAwaiter().GetResult().ShouldExit(0);
        var cgroup = (string?)Linux["cgroupsPath"];
        var left = File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(Root, StringComparison.Ordinal)).Select(line => "mount: " + line).ToList();
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup"))
        {
            if (cgroup is null || !Directory.Exists(hierarchy + cgroup)) continue;
            if (!IsRunc) left.Add("cgroup: " + hierarchy + cgroup);
            else Directory.Delete(hierarchy + cgroup); // runc gives up on a group that is busy for a moment
        }
        if (left.Count == 0) Directory.Delete(Root, recursive: true);
        left.ShouldBeEmpty();
    }
}
