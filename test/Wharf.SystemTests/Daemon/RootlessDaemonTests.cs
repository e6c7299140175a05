using System.Formats.Tar;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Wharf.SystemTests.Networks;
using Xunit;

namespace Wharf.SystemTests.Daemon;

/// <summary>A daemon of a user who is not root: <c>wharf daemon --rootless</c>.</summary>
public sealed class RootlessDaemonTests : IAsyncLifetime
{
    private readonly RootlessEngine _rootless = new();

    private EngineFixture Engine => _rootless.Engine;

    public async ValueTask InitializeAsync()
    {
        await _rootless.StartAsync();
        await Engine.EnsureImageAsync();
    }

    public ValueTask DisposeAsync() => _rootless.DisposeAsync();

    private async Task<string> RunAsync(params string[] args) => (await Engine.DockerAsync(["run", "--rm", .. args])).ShouldExit(0).Text;
    private async Task<string> DockerAsync(params string[] args) => (await Engine.DockerAsync(args)).ShouldExit(0).Text;

    [Fact]
    public async Task A_container_lives_its_life()
    {
        await DockerAsync("run", "-d", "--name", "one", "busybox", "sh", "-c", "echo begun; trap 'echo ended; exit 3' TERM; while :; do sleep 0.1; done");
        (await DockerAsync("exec", "one", "id", "-u")).ShouldBe("0");
        (await DockerAsync("exec", "-t", "one", "echo", "terminal")).ShouldBe("terminal");
        (await DockerAsync("top", "one")).ShouldContain("sleep");
        await DockerAsync("exec", "one", "touch", "/made");
        (await DockerAsync("diff", "one")).ShouldContain("A /made");
        await DockerAsync("commit", "one", "made");
        (await RunAsync("made", "ls", "/made")).ShouldBe("/made");
        await DockerAsync("stop", "one");
        (await DockerAsync("wait", "one")).ShouldBe("3");
        (await DockerAsync("logs", "one")).ShouldBe("begun\nended");
        await DockerAsync("rm", "one");
        (await DockerAsync("ps", "-aq")).ShouldBe("");
    }

    [Fact]
    public async Task Root_and_users_of_a_container_are_the_user_and_his_subordinate_numbers()
    {
        await DockerAsync("run", "-d", "--name", "root", "busybox", "sleep", "60");
        await DockerAsync("run", "-d", "--name", "user", "--user", "33:33", "busybox", "sleep", "60");
        (await OwnerOfAsync("root")).ShouldBe(RootlessEngine.User);
        (await OwnerOfAsync("user")).ShouldBe(RootlessEngine.FirstSubordinate + 32);
        (await Engine.DockerAsync("run", "--rm", "--user", "100000", "busybox", "true")).ExitCode.ShouldBe(125); // a number that nobody granted
    }

    private async Task<int> OwnerOfAsync(string container)
    {
        var pid = await DockerAsync("inspect", "--format", "{{.State.Pid}}", container);
        return int.Parse(File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1]);
    }

    [Fact]
    public async Task What_the_user_may_not_touch_a_container_may_not_either()
    {
        var secret = Path.Combine(_rootless.Root, "secret");
        await File.WriteAllTextAsync(secret, "of root", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        foreach (string[] privileges in (string[][])[[], ["--privileged"], ["--privileged", "--pid", "host", "--net", "host"]])
        {
            (await Engine.DockerAsync(["run", "--rm", .. privileges, "-v", $"{secret}:/s", "busybox", "cat", "/s"])).Error.ShouldContain("Permission denied");
            (await Engine.DockerAsync(["run", "--rm", .. privileges, "-v", "/etc:/host", "busybox", "sh", "-c", "echo x > /host/wharf-test"])).Error.ShouldContain("Permission denied");
        }
        (await Engine.DockerAsync("run", "--rm", "--privileged", "--pid", "host", "busybox", "kill", "-0", Environment.ProcessId.ToString())).Error.ShouldContain("Operation not permitted");
        (await Engine.DockerAsync("run", "--rm", "--privileged", "busybox", "mknod", "/d", "b", "8", "0")).Error.ShouldContain("Operation not permitted");
        (await Engine.DockerAsync("run", "--rm", "busybox", "sh", "-c", "mkdir /sys/fs/cgroup/memory/x || mkdir /sys/fs/cgroup/x")).ExitCode.ShouldNotBe(0); // CVE-2023-25809
    }

    [Fact]
    public async Task A_build_runs_and_its_whiteouts_hold()
    {
        var context = Directory.CreateDirectory(Path.Combine(_rootless.Root, "context")).FullName;
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), "FROM busybox\nRUN mkdir -p /d/e && touch /d/e/x /gone\nRUN rm -r /d /gone && mkdir /d && touch /d/new\nRUN --mount=type=cache,target=/c touch /c/kept\nCMD [\"find\", \"/d\", \"/gone\"]\n", TestContext.Current.CancellationToken);
        (await Engine.WharfAsync("build", "-t", "built", context)).ShouldExit(0);
        var found = await Engine.DockerAsync("run", "--rm", "built");
        found.Text.ShouldBe("/d\n/d/new");
        found.Error.ShouldContain("/gone: No such file");
        // Through an archive and back, in a form that any engine reads.
        var archive = Path.Combine(_rootless.Root, "built.tar");
        await DockerAsync("save", "-o", archive, "built");
        var id = await DockerAsync("inspect", "--format", "{{.Id}}", "built");
        await DockerAsync("rmi", "built");
        await DockerAsync("load", "-i", archive);
        (await DockerAsync("inspect", "--format", "{{.Id}}", "built")).ShouldBe(id);
        (await Engine.DockerAsync("run", "--rm", "built")).Text.ShouldBe("/d\n/d/new");
    }

    [Fact]
    public async Task Devices_of_a_layer_are_left_out_of_its_tree_and_not_of_its_tar()
    {
        var tar = Layer();
        (await Engine.DockerAsync(tar, "import", "-", "devices")).ShouldExit(0);
        var archive = Path.Combine(_rootless.Root, "devices.tar");
        await DockerAsync("save", "-o", archive, "devices");
        var diff = await DockerAsync("inspect", "--format", "{{index .RootFS.Layers 0}}", "devices");
        diff.ShouldBe("sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(tar)));
        await DockerAsync("create", "--name", "one", "devices", "x");
        var exported = await Engine.DockerAsync("export", "one", "-o", Path.Combine(_rootless.Root, "export.tar"));
        exported.ShouldExit(0);
        var names = Names(Path.Combine(_rootless.Root, "export.tar"));
        names.ShouldContain("file");
        names.ShouldNotContain("disk");
        Engine.Log.ShouldContain("1 devices");
    }

    private static byte[] Layer()
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "file") { DataStream = new MemoryStream("x"u8.ToArray()), Uid = 7, Gid = 8 });
            tar.WriteEntry(new PaxTarEntry(TarEntryType.BlockDevice, "disk") { DeviceMajor = 8, DeviceMinor = 0 });
        }
        return stream.ToArray();
    }

    private static List<string> Names(string path)
    {
        var names = new List<string>();
        using var tar = new TarReader(File.OpenRead(path));
        while (tar.GetNextEntry() is { } entry) names.Add(entry.Name);
        return names;
    }

    [Fact]
    public async Task A_published_port_is_reached_and_stays_when_the_daemon_is_killed()
    {
        int port = FreePort();
        await DockerAsync("run", "-d", "--name", "web", "-p", $"127.0.0.1:{port}:80", "-p", "0:81", "busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
        (await GetWhenServedAsync(port)).ShouldContain("root:x:0:0");
        int free = int.Parse((await DockerAsync("port", "web", "81/tcp")).Split('\n')[0].Split(':')[^1]);
        free.ShouldBeGreaterThan(0);
        (await Engine.DockerAsync("run", "--rm", "-p", $"127.0.0.1:{port}:80", "busybox", "true")).Error.ShouldContain("port is already allocated");
        using (var taken = new TcpListener(IPAddress.Any, 0))
        {
            taken.Start();
            (await Engine.DockerAsync("run", "--rm", "-p", $"{((IPEndPoint)taken.LocalEndpoint).Port}:80", "busybox", "true")).Error.ShouldContain("address already in use");
        }
        await Engine.KillDaemonAsync();
        (await GetAsync(port)).ShouldContain("root:x:0:0");
        await Engine.StartDaemonAsync("--rootless");
        (await DockerAsync("exec", "web", "echo", "still here")).ShouldBe("still here");
        (await GetAsync(port)).ShouldContain("root:x:0:0");
        await DockerAsync("rm", "-f", "web");
        await Should.ThrowAsync<HttpRequestException>(() => GetAsync(port));
        await DockerAsync("run", "-d", "--name", "again", "-p", $"{port}:80", "busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
        (await GetWhenServedAsync(port)).ShouldContain("root:x:0:0");
    }

    [Fact]
    public async Task Datagrams_reach_a_published_port()
    {
        int port = FreePort();
        var address = OwnAddress();
        await DockerAsync("run", "-d", "--name", "names", "-p", $"{port}:9999/udp", "busybox", "sleep", "600");
        await using var dns = await DnsServer.StartAsync(Engine, "names", "9999");
        (await CommandResult.RunAsync("dig", ["@" + address, "-p", port.ToString(), "+short", "+tries=2", "+time=2", DnsServer.Name])).Text.ShouldBe(DnsServer.Answer);
    }

    [Fact]
    public async Task Containers_reach_out_and_not_to_the_hosts_own_loopback()
    {
        var address = OwnAddress();
        using var outside = new TcpListener(address, 0);
        (await AskAsync(outside, address.ToString())).ShouldBe("answer");
        using var loopback = new TcpListener(IPAddress.Loopback, 0);
        foreach (string[] network in (string[][])[[], ["--net", "host"]])
            (await AskAsync(loopback, "10.0.2.2", network)).ShouldBe(""); // the machine, as slirp4netns shows it
    }

    // One that no bridge has: subnets of other engines' are the daemon's to use in its own network.
    private static IPAddress OwnAddress()
    {
        var address = NetworkInterface.GetAllNetworkInterfaces().Where(card => card.OperationalStatus == OperationalStatus.Up && !Directory.Exists($"/sys/class/net/{card.Name}/bridge"))
            .SelectMany(card => card.GetIPProperties().UnicastAddresses.Select(own => own.Address)).FirstOrDefault(own => own.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(own));
        Assert.SkipWhen(address is null, "this machine has no address but its loopback's");
        return address!;
    }

    // What a container gets of a server of the machine's.
    private async Task<string> AskAsync(TcpListener server, string address, params string[] network)
    {
        server.Start();
        using var stop = new CancellationTokenSource();
        var serving = Task.Run(async () =>
        {
            using var client = await server.AcceptTcpClientAsync(stop.Token);
            await client.GetStream().WriteAsync("answer"u8.ToArray());
        }, TestContext.Current.CancellationToken);
        var got = await Engine.DockerAsync(["run", "--rm", .. network, "busybox", "nc", "-w", "3", address, ((IPEndPoint)server.LocalEndpoint).Port.ToString()]);
        await stop.CancelAsync();
        await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return got.Text;
    }

    [Fact]
    public async Task Containers_find_each_other_by_name()
    {
        await DockerAsync("network", "create", "mesh");
        await DockerAsync("run", "-d", "--name", "web", "--net", "mesh", "busybox", "httpd", "-f", "-h", "/etc");
        (await RunAsync("--net", "mesh", "busybox", "sh", "-c", "for i in 1 2 3 4 5; do wget -qO- http://web/passwd && exit; sleep 1; done; exit 1")).ShouldContain("root:x:0:0");
        await DockerAsync("rm", "-f", "web");
        await DockerAsync("network", "rm", "mesh");
    }

    [Fact]
    public async Task Without_cgroups_limits_are_discarded_and_told()
    {
        (await DockerAsync("info", "--format", "{{.SecurityOptions}} {{.CgroupDriver}} {{.MemoryLimit}} {{.Warnings}}")).ShouldSatisfyAllConditions(
            text => text.ShouldContain("name=rootless"), text => text.ShouldContain(" none false "), text => text.ShouldContain("without cgroups"));
        (await DockerAsync("info", "--format", "{{.DriverStatus}}")).ShouldContain("[userxattr true]");
        var limited = await Engine.DockerAsync("run", "--rm", "-m", "32m", "--pids-limit", "20", "busybox", "echo", "ran");
        limited.ShouldExit(0).Text.ShouldBe("ran");
        limited.Error.ShouldContain("Limitation discarded");
        await DockerAsync("run", "-d", "--name", "one", "busybox", "sleep", "60");
        (await Engine.DockerAsync("pause", "one")).Error.ShouldContain("no cgroup");
        (await DockerAsync("stats", "--no-stream", "--format", "{{.PIDs}}", "one")).ShouldBe("1");
        await DockerAsync("kill", "one");
        (await DockerAsync("inspect", "--format", "{{.State.ExitCode}}", "one")).ShouldBe("137");
    }

    [Fact]
    public async Task A_container_whose_supervisor_was_killed_is_ended_and_told()
    {
        await DockerAsync("run", "-d", "--name", "one", "busybox", "sleep", "600");
        int pid = int.Parse(await DockerAsync("inspect", "--format", "{{.State.Pid}}", "one"));
        int shim = int.Parse(File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("PPid:", StringComparison.Ordinal)).Split('\t')[1]);
        (await File.ReadAllTextAsync($"/proc/{shim}/cmdline", TestContext.Current.CancellationToken)).ShouldContain("shim");
        (await CommandResult.RunAsync("kill", ["-KILL", shim.ToString()])).ShouldExit(0);
        (await DockerAsync("wait", "one")).ShouldBe("137");
        // It dies of its own signal, after the shim: a moment may pass. Whoever inherits it may leave it as a zombie for a while.
        for (int tries = 0; tries < 100 && IsAlive(); tries++) await Task.Delay(100, TestContext.Current.CancellationToken);
        IsAlive().ShouldBeFalse();

        bool IsAlive()
        {
            try { return !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal); }
            catch (IOException) { return false; } // it is gone
        }
    }

    [Fact]
    public async Task Nothing_is_left_when_the_daemon_has_stopped()
    {
        await RunAsync("busybox", "true");
        Mine().Count.ShouldBeGreaterThan(2); // the daemon, the holder of its namespaces, the network's program
        (await Engine.StopDaemonAsync()).ShouldBe(0);
        Mine().ShouldBeEmpty();
        await Engine.StartDaemonAsync("--rootless");
        (await RunAsync("busybox", "echo", "again")).ShouldBe("again");
    }

    [Fact]
    public async Task Root_and_a_user_without_numbers_are_told_why_they_get_none()
    {
        var wharf = Path.Combine(EngineFixture.Binaries, "wharf");
        var own = new Dictionary<string, string> { ["XDG_RUNTIME_DIR"] = Path.Combine(_rootless.Root, "none"), ["HOME"] = _rootless.Root };
        (await CommandResult.RunAsync(wharf, ["daemon", "--rootless"], null, 30, own)).ShouldExit(1).Error.ShouldContain("this is root");
        await Engine.StopDaemonAsync();
        foreach (var name in (ReadOnlySpan<string>)["subuid", "subgid"]) File.WriteAllText(Path.Combine(_rootless.Root, "etc", name), "");
        string[] line = [.. Engine.Within, Engine.Program, "daemon", "--rootless"];
        (await CommandResult.RunAsync(line[0], line[1..], null, 30)).ShouldExit(1).Error.ShouldContain("usermod --add-subuids");
        Mine().ShouldBeEmpty();
        line[^2] = "doctor";
        var doctor = await CommandResult.RunAsync(line[0], line[1..^1], null, 30);
        doctor.Text.ShouldContain("rootless numbers: sailor has none in /etc/subuid and /etc/subgid");
        doctor.Text.ShouldContain("rootless helpers: newuidmap and newgidmap are there");
        doctor.Text.ShouldContain("rootless network: slirp4netns and /dev/net/tun are there");
    }

    private static List<string> Mine() => [.. Directory.GetDirectories("/proc").Where(directory => int.TryParse(Path.GetFileName(directory), out _)).Where(directory =>
    {
        try { return File.ReadLines(directory + "/status").ToList() is var lines && lines.Contains($"Uid:\t{RootlessEngine.User}\t{RootlessEngine.User}\t{RootlessEngine.User}\t{RootlessEngine.User}") && !lines.Exists(line => line.StartsWith("State:\tZ", StringComparison.Ordinal)); }
        catch (IOException) { return false; } // it has ended
    })];

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // A server that has only just been started may not listen yet; the connection is made all the same, by what passes it on.
    private static async Task<string> GetWhenServedAsync(int port)
    {
        using var patience = new CancellationTokenSource(CommandResult.Patience(10));
        while (true)
        {
            try { return await GetAsync(port); }
            catch (HttpRequestException) when (!patience.IsCancellationRequested) { await Task.Delay(50, TestContext.Current.CancellationToken); }
        }
    }

    private static async Task<string> GetAsync(int port)
    {
        using var client = new HttpClient { Timeout = CommandResult.Patience(10) };
        return await client.GetStringAsync($"http://127.0.0.1:{port}/passwd", TestContext.Current.CancellationToken);
    }
}
