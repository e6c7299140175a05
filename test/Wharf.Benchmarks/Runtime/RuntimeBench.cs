using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Wharf.Benchmarks.Runtime;

/// <summary>wharf-runtime beside runc as commands, on the same bundle and in turn: <c>run</c> of true, and <c>exec</c> of true in a container that runs.</summary>
internal static class RuntimeBench
{
    public static int Run(string binaries, int rounds)
    {
        var runc = ((string[])["/usr/sbin/runc", "/usr/bin/runc"]).FirstOrDefault(File.Exists);
        if (runc is null) Console.Error.WriteLine("bench: no runc on this machine: measuring wharf-runtime alone");
        (string Name, string Path)[] runtimes = [("wharf-runtime", Path.Combine(Path.GetFullPath(binaries), "wharf-runtime")), .. runc is null ? [] : new[] { ("runc", runc) }];
        var root = Directory.CreateTempSubdirectory("wharf-bench-runtime-").FullName;
        try
        {
            MakeBundle(root, "true", "/bin/true");
            MakeBundle(root, "sleep", "/bin/sleep", "100000");
            foreach (var (name, path) in runtimes) Call(path, root, name, "run", "--detach", "--bundle", $"{root}/sleep", "sleeper-" + name);
            try
            {
                Console.WriteLine($"| case | {string.Join(" | ", runtimes.Select(runtime => runtime.Name + " median ms (p90)"))} | ratio |");
                Console.WriteLine($"|---|{string.Concat(runtimes.Select(_ => "---|"))}---|");
                Compare("run true", rounds, runtimes, (runtime, n) => Call(runtime.Path, root, runtime.Name, "run", "--bundle", $"{root}/true", $"c{n.ToString(CultureInfo.InvariantCulture)}-{runtime.Name}"));
                Compare("exec true", rounds, runtimes, (runtime, _) => Call(runtime.Path, root, runtime.Name, "exec", "sleeper-" + runtime.Name, "/bin/true"));
            }
            finally
            {
                foreach (var (name, path) in runtimes) Call(path, root, name, "delete", "--force", "sleeper-" + name);
            }
        }
        finally { Directory.Delete(root, recursive: true); }
        return 0;
    }

    private static void Compare(string what, int rounds, (string Name, string Path)[] runtimes, Action<(string Name, string Path), int> call)
    {
        var times = runtimes.Select(_ => new List<double>()).ToArray();
        for (int n = -2; n < rounds; n++)
            for (int i = 0; i < runtimes.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                call(runtimes[i], n);
                if (n >= 0) times[i].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds); // the first two warm the caches
            }
        foreach (var list in times) list.Sort();
        var cells = times.Select(list => string.Create(CultureInfo.InvariantCulture, $"{list[list.Count / 2]:0.0} ({list[list.Count * 9 / 10]:0.0})"));
        var ratio = times.Length < 2 ? "" : (times[0][rounds / 2] / times[1][rounds / 2]).ToString("0.00", CultureInfo.InvariantCulture);
        Console.WriteLine($"| {what} | {string.Join(" | ", cells)} | {ratio} |");
    }

    private static void Call(string runtime, string root, string name, params string[] args)
    {
        // To files and not to pipes: a detached container would hold a pipe open.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" < /dev/null > /dev/null 2> \"$0\"", $"{root}/errors", runtime, "--root", $"{root}/state-{name}", .. args]);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{runtime} {string.Join(' ', args)}: {process.ExitCode}: {File.ReadAllText($"{root}/errors")}");
    }

    private static void MakeBundle(string root, string name, params string[] command)
    {
        var rootfs = Directory.CreateDirectory($"{root}/{name}/rootfs").FullName;
        foreach (var directory in (string[])["bin", "proc", "dev", "sys"]) Directory.CreateDirectory($"{rootfs}/{directory}");
        File.Copy("/bin/busybox", $"{rootfs}/bin/busybox");
        foreach (var applet in (string[])["true", "sleep"]) File.CreateSymbolicLink($"{rootfs}/bin/{applet}", "busybox");
        static JsonObject Mount(string destination, string type, params string[] options) => new() { ["destination"] = destination, ["type"] = type, ["source"] = type, ["options"] = new JsonArray([.. options.Select(option => (JsonNode)option)]) };
        var config = new JsonObject
        {
            ["ociVersion"] = "1.0.2",
            ["process"] = new JsonObject { ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 }, ["args"] = new JsonArray([.. command.Select(word => (JsonNode)word)]), ["env"] = new JsonArray("PATH=/bin"), ["cwd"] = "/", ["noNewPrivileges"] = true },
            ["root"] = new JsonObject { ["path"] = "rootfs" },
            ["mounts"] = new JsonArray(Mount("/proc", "proc"), Mount("/dev", "tmpfs", "nosuid", "mode=755"), Mount("/dev/pts", "devpts", "newinstance", "ptmxmode=0666"), Mount("/dev/shm", "tmpfs", "nosuid", "noexec"), Mount("/sys", "sysfs", "ro")),
            ["linux"] = new JsonObject
            {
                ["namespaces"] = new JsonArray([.. ((string[])["pid", "network", "ipc", "uts", "mount"]).Select(type => (JsonNode)new JsonObject { ["type"] = type })]),
                ["resources"] = new JsonObject { ["memory"] = new JsonObject { ["limit"] = 256 << 20 }, ["pids"] = new JsonObject { ["limit"] = 100 } },
                ["maskedPaths"] = new JsonArray("/proc/kcore", "/proc/keys", "/sys/firmware"),
                ["readonlyPaths"] = new JsonArray("/proc/sys", "/proc/bus"),
            },
        };
        File.WriteAllText($"{root}/{name}/config.json", config.ToJsonString());
    }
}
