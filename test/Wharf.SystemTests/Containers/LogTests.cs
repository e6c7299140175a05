using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Containers;

/// <summary>Log drivers: what they keep or send, and how it is read back.</summary>
public sealed class LogTests(EngineFixture engine)
{
    private const string Lines = "i=0; while [ $i -lt 5000 ]; do echo line number $i; i=$((i+1)); done";

    private async Task<string> RunAsync(string[] options, string script)
    {
        var name = "logs-" + Guid.NewGuid().ToString("n")[..8];
        (await engine.DockerAsync(["run", "--name", name, .. options, "busybox", "sh", "-c", script])).ShouldExit(0);
        return name;
    }

    [Theory]
    [InlineData("json-file", "max-size=20k", "max-file=1000")]
    [InlineData("json-file", "max-size=20k", "max-file=1000", "compress=true")]
    [InlineData("local", "max-size=20k", "max-file=1000")]
    [InlineData("local", "max-size=20k", "max-file=1000", "compress=false")]
    [InlineData("k8s-file", "max-size=20k", "max-file=1000", "compress=true")]
    public async Task Lines_are_kept_across_rotations_and_followed_without_loss(string driver, params string[] options)
    {
        Assert.SkipUnless(engine.IsWharf || driver != "k8s-file", "podman's driver, not docker's");
        var name = "logs-" + Guid.NewGuid().ToString("n")[..8];
        string[] flags = ["--log-driver", driver, .. options.SelectMany(option => (string[])["--log-opt", option])];
        (await engine.DockerAsync(["run", "-d", "--name", name, .. flags, "busybox", "sh", "-c", "sleep 0.3; " + Lines])).ShouldExit(0);
        try
        {
            var expected = string.Concat(Enumerable.Range(0, 5000).Select(i => $"line number {i}\n"));
            var followed = (await engine.DockerAsync("logs", "-f", name)).ShouldExit(0).Out;
            if (engine.IsWharf) followed.ShouldBe(expected); // docker 28 loses lines while it rotates
            (await engine.DockerAsync("logs", name)).Out.ShouldBe(expected);
            (await engine.DockerAsync("logs", "--tail", "3000", name)).Out.ShouldBe(string.Concat(Enumerable.Range(2000, 3000).Select(i => $"line number {i}\n")));
        }
        finally { await engine.DockerAsync("rm", "-f", name); }
    }

    [Fact]
    public async Task A_json_file_has_the_form_that_others_read()
    {
        var name = await RunAsync(["--log-driver", "json-file", "--label", "a=b", "--log-opt", "labels=a", "--log-opt", "tag={{.Name}}"], "echo 'a <b> \"c\"'; echo err >&2; printf rest");
        try
        {
            var path = (await engine.DockerAsync("inspect", "-f", "{{.LogPath}}", name)).Text;
            Assert.SkipUnless(File.Exists(path), "the engine's files are not on this machine");
            var entries = (await File.ReadAllLinesAsync(path)).Select(line => JsonDocument.Parse(line).RootElement).ToList();
            entries.Count(entry => entry.GetProperty("stream").GetString() == "stderr").ShouldBe(1);
            entries.Select(entry => entry.GetProperty("log").GetString()).ShouldBe(["a <b> \"c\"\n", "err\n", "rest"], ignoreOrder: true);
            entries[0].GetProperty("attrs").GetProperty("a").GetString().ShouldBe("b");
            entries[0].GetProperty("attrs").GetProperty("tag").GetString().ShouldBe(name);
            (await engine.DockerAsync("logs", "--details", name)).Out.ShouldStartWith("a=b,tag=" + name + " a <b>");
        }
        finally { await engine.DockerAsync("rm", name); }
    }

    [Fact]
    public async Task A_local_log_keeps_attributes_too()
    {
        Assert.SkipUnless(engine.IsWharf, "docker 28 refuses these options for local; 29 takes them");
        var name = await RunAsync(["--log-driver", "local", "--label", "a=b", "-e", "C=d e", "--log-opt", "labels=a", "--log-opt", "env-regex=^C", "--log-opt", "tag={{.Name}}"], "echo x; echo; printf rest");
        try
        {
            var details = $"C=d%20e,a=b,tag={name} ";
            (await engine.DockerAsync("logs", "--details", name)).Out.ShouldBe($"{details}x\n{details}\n{details}rest");
            (await engine.DockerAsync("logs", name)).Out.ShouldBe("x\n\nrest");
        }
        finally { await engine.DockerAsync("rm", name); }
    }

    [Fact]
    public async Task Without_a_driver_it_is_the_daemon_s()
    {
        var driver = (await engine.DockerAsync("info", "-f", "{{.LoggingDriver}}")).Text;
        driver.ShouldBe("json-file");
        var name = await RunAsync(["--log-opt", "max-size=1m"], "echo x");
        try { (await engine.DockerAsync("inspect", "-f", "{{json .HostConfig.LogConfig}}", name)).Text.ShouldBe($"{{\"Type\":\"{driver}\",\"Config\":{{\"max-size\":\"1m\"}}}}"); }
        finally { await engine.DockerAsync("rm", name); }
    }

    [Fact]
    public async Task Since_until_and_timestamps_choose_and_show()
    {
        var name = await RunAsync([], "echo early; sleep 2.2; echo late");
        try
        {
            var first = (await engine.DockerAsync("logs", "-t", name)).Out.Split('\n')[0].Split(' ')[0];
            var middle = DateTimeOffset.Parse(first).AddSeconds(1).ToString("yyyy-MM-ddTHH:mm:ss.fffffff'Z'");
            (await engine.DockerAsync("logs", "--since", middle, name)).Out.ShouldBe("late\n");
            (await engine.DockerAsync("logs", "--until", middle, name)).Out.ShouldBe("early\n");
            (await engine.DockerAsync("logs", "-f", "--since", middle, name)).Out.ShouldBe("late\n");
        }
        finally { await engine.DockerAsync("rm", name); }
    }

    [Fact]
    public async Task Binary_output_and_long_lines_come_back_as_they_were()
    {
        var name = await RunAsync(["--log-driver", "local"], "head -c 50000 /dev/zero | tr '\\0' x; echo; printf '\\001\\377\\n'");
        try
        {
            using var api = new ApiClient(engine);
            (await engine.DockerAsync("logs", name)).Out.ShouldStartWith(new string('x', 50000) + "\n\u0001");
        }
        finally { await engine.DockerAsync("rm", name); }
    }

    private static (UdpClient Client, int Port) Receiver()
    {
        var client = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        client.Client.ReceiveTimeout = 10_000;
        return (client, ((IPEndPoint)client.Client.LocalEndPoint!).Port);
    }

    private static byte[] Receive(UdpClient client)
    {
        var sender = new IPEndPoint(IPAddress.Any, 0);
        return client.Receive(ref sender);
    }

    [Theory]
    [InlineData("rfc3164", @"^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ tagged\[\d+\]: hello\n$")]
    [InlineData("rfc5424", @"^<30>1 \d{4}-\d\d-\d\dT\S+ \S+ tagged \d+ tagged - hello\n$")]
    [InlineData("rfc5424micro", @"^<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\S* \S+ tagged \d+ tagged - hello\n$")]
    public async Task Syslog_gets_the_lines_and_they_can_be_read_back(string format, string pattern)
    {
        var (client, port) = Receiver();
        using (client)
        {
            var name = await RunAsync(["--log-driver", "syslog", "--log-opt", $"syslog-address=udp://127.0.0.1:{port}", "--log-opt", "syslog-format=" + format, "--log-opt", "tag=tagged"], "echo hello");
            Encoding.UTF8.GetString(Receive(client)).ShouldMatch(pattern);
            (await engine.DockerAsync("logs", name)).ShouldExit(0).Out.ShouldBe("hello\n");
            await engine.DockerAsync("rm", name);
        }
    }

    [Fact]
    public async Task Gelf_gets_compressed_messages()
    {
        var (client, port) = Receiver();
        using (client)
        {
            var name = await RunAsync(["--log-driver", "gelf", "--log-opt", $"gelf-address=udp://127.0.0.1:{port}", "--label", "a=b", "--log-opt", "labels=a"], "echo hello");
            using var unzipped = new GZipStream(new MemoryStream(Receive(client)), CompressionMode.Decompress);
            using var message = JsonDocument.Parse(unzipped);
            message.RootElement.GetProperty("short_message").GetString().ShouldBe("hello");
            message.RootElement.GetProperty("_container_name").GetString().ShouldBe(name);
            message.RootElement.GetProperty("_a").GetString().ShouldBe("b");
            await engine.DockerAsync("rm", name);
        }
    }

    [Fact]
    public async Task Fluentd_gets_records()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var running = RunAsync(["--log-driver", "fluentd", "--log-opt", $"fluentd-address=127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"], "echo hello");
        using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var text = await ApiClient.ReadAsync(client.GetStream(), read => read.Contains("hello"));
        var name = await running;
        text.ShouldContain("container_name");
        text.ShouldContain("/" + name);
        text.ShouldContain("source\u00a6stdout");
        await engine.DockerAsync("rm", name);
    }

    [Fact]
    public async Task A_receiver_that_takes_nothing_costs_lines_which_are_counted()
    {
        Assert.SkipUnless(engine.IsWharf, "docker does not count them");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var running = RunAsync(["--log-driver", "fluentd", "--log-opt", $"fluentd-address=127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", "--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=100k"],
            "yes 'a line that is long enough to fill buffers soon' | head -n 200000");
        using var client = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var name = await running; // it was not held up
        var use = (await engine.WharfAsync("logs", "--info", name)).ShouldExit(0).Text;
        use.ShouldContain("fluentd");
        int.Parse(use[(use.LastIndexOf(' ') + 1)..]).ShouldBeGreaterThan(1000);
        await engine.DockerAsync("rm", name);
    }

    [Fact]
    public async Task A_driver_that_cannot_be_reached_fails_the_start()
    {
        var result = await engine.DockerAsync("run", "--rm", "--log-driver", "fluentd", "--log-opt", "fluentd-address=127.0.0.1:1", "busybox", "true");
        result.ExitCode.ShouldNotBe(0);
        result.Error.ShouldContain("failed to initialize logging driver");
    }

    [Theory]
    [InlineData("nosuch", null, "error looking up logging plugin nosuch")]
    [InlineData("json-file", "foo=x", "unknown log opt 'foo' for json-file log driver")]
    [InlineData("local", "foo=x", "unknown log opt 'foo' for log driver local")]
    [InlineData("json-file", "mode=x", "logging mode not supported: x")]
    [InlineData("json-file", "max-buffer-size=1m", "max-buffer-size option is only supported with 'mode=non-blocking'")]
    [InlineData("syslog", "syslog-facility=x", "invalid syslog facility")]
    [InlineData("gelf", "foo=x", "gelf-address is a required parameter")]
    [InlineData("fluentd", "fluentd-async=x", "invalid syntax")]
    [InlineData("journald", "foo=x", "unknown log opt 'foo' for journald log driver")]
    public async Task Options_that_no_driver_knows_are_refused_by_name(string driver, string? option, string message)
    {
        string[] options = option is null ? [] : ["--log-opt", option];
        (await engine.DockerAsync(["create", "--log-driver", driver, .. options, "busybox", "true"])).ShouldExit(1).Error.ShouldContain(message);
    }

    [Fact]
    public async Task Kubernetes_lines_have_time_stream_and_whether_they_go_on()
    {
        Assert.SkipUnless(engine.IsWharf, "podman's driver, not docker's");
        var name = await RunAsync(["--log-driver", "k8s-file"], "echo out; echo wrong >&2; head -c 20000 /dev/zero | tr '\\0' x; echo; printf unfinished");
        var path = (await engine.DockerAsync("inspect", "-f", "{{.LogPath}}", name)).ShouldExit(0).Text;
        var lines = await File.ReadAllLinesAsync(path.Length > 0 ? path : Directory.EnumerateFiles(engine.DataRoot, "ctr.log", SearchOption.AllDirectories).Single(), TestContext.Current.CancellationToken);
        lines.Select(line => System.Text.RegularExpressions.Regex.Replace(line, @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z ", "T ")).Order().ShouldBe(
            ["T stderr F wrong", "T stdout F out", "T stdout F " + new string('x', 20_000 - 16_384), "T stdout P unfinished", "T stdout P " + new string('x', 16_384)], ignoreOrder: true);
        (await engine.DockerAsync("logs", name)).ShouldExit(0).Out.ShouldBe($"out\n{new string('x', 20_000)}\nunfinished");
        (await engine.DockerAsync("logs", "-t", "--tail", "1", name)).ShouldExit(0).Out.ShouldMatch(@"^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z unfinished$");
        (await engine.DockerAsync("logs", "--since", "2030-01-01T00:00:00Z", name)).ShouldExit(0).Out.ShouldBe("");
        await engine.DockerAsync("rm", name);
    }

    [Fact]
    public async Task No_log_cannot_be_read()
    {
        var name = await RunAsync(["--log-driver", "none"], "echo gone");
        (await engine.DockerAsync("logs", name)).ShouldExit(1).Error.ShouldContain("configured logging driver does not support reading");
        await engine.DockerAsync("rm", name);
    }

    [Fact]
    public async Task Logs_of_several_containers_are_merged_by_time_and_followed()
    {
        Assert.SkipUnless(engine.IsWharf, "docker shows one container's log");
        string[] names = ["merged-a", "merged-long"];
        // They take turns through a volume, so that the order of their lines is known.
        string Turns(int mine, int other) => $"i=0; while [ $i -lt 20 ]; do while [ ! -f /v/{mine}.$i ]; do sleep 0.01; done; echo line $i of {mine}; touch /v/{other}.$((i + {mine})); i=$((i+1)); done; printf end";
        try
        {
            (await engine.WharfAsync("run", "-d", "--name", names[0], "-v", "merged-turns:/v", "busybox", "sh", "-c", Turns(0, 1))).ShouldExit(0);
            (await engine.WharfAsync("run", "-d", "--name", names[1], "-v", "merged-turns:/v", "busybox", "sh", "-c", Turns(1, 0))).ShouldExit(0);
            var following = engine.WharfAsync(["logs", "-f", .. names]);
            (await engine.WharfAsync("exec", names[0], "touch", "/v/0.0")).ShouldExit(0);
            var expected = Enumerable.Range(0, 20).SelectMany(i => (string[])[$"merged-a    | line {i} of 0", $"merged-long | line {i} of 1"]).ToList();
            var followed = (await following).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
            followed.Where(line => !line.EndsWith("end", StringComparison.Ordinal)).Order().ShouldBe(expected.Order());
            followed.Where(line => line.StartsWith("merged-a", StringComparison.Ordinal)).ShouldBe([.. expected.Where(line => line.StartsWith("merged-a", StringComparison.Ordinal)), "merged-a    | end"]);

            var merged = (await engine.WharfAsync(["logs", .. names])).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            merged[..39].ShouldBe(expected[..39]);
            (await engine.WharfAsync(["logs", "-f", "--tail", "2", .. names])).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order()
                .ShouldBe(["merged-a    | end", "merged-a    | line 19 of 0", "merged-long | end", "merged-long | line 19 of 1"]);
            (await engine.WharfAsync(["logs", "--color", "always", "--tail", "1", .. names])).ShouldExit(0).Out.ShouldContain("\e[36mmerged-a    | \e[0mend\n");
            (await engine.WharfAsync(["logs", "-t", "--tail", "1", .. names])).ShouldExit(0).Out.ShouldMatch(@"^merged-a    \| \d{4}-\d\d-\d\dT[\d:.]+Z end\n");
            (await engine.WharfAsync("logs", names[0], "no-such-container")).ShouldExit(1).Out.ShouldBe("");
        }
        finally
        {
            await engine.DockerAsync(["rm", "-f", .. names]);
            await engine.DockerAsync("volume", "rm", "-f", "merged-turns");
        }
    }
}
