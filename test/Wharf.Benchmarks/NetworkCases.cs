using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Wharf.Benchmarks;

/// <summary>Networks: what goes through a published port, what a thousand of them cost, and how fast names are answered.</summary>
public static partial class NetworkCases
{
    private const int Clients = 8, Many = 1000, FirstPort = 21000;
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(3);

    /// <summary>Milliseconds that a start takes longer on the bridge than without a network, one of each after the other.</summary>
    public static IEnumerable<(string Part, double Milliseconds)> Cost(EngineClient engine)
    {
        static double Start(EngineClient engine, string network) => Cases.Life(engine, network).First(part => part.Part == "start").Milliseconds;
        double without = Start(engine, "none");
        return [("", Start(engine, "bridge") - without)];
    }

    /// <summary>Requests a second to busybox's httpd through a published port, each on a connection of its own, by several clients at once.</summary>
    public static double Requests(EngineClient engine) => WithServer(engine, "echo hello > /tmp/index.html && exec busybox httpd -f -p 80 -h /tmp", port =>
    {
        long done = 0;
        var end = DateTime.UtcNow + Span;
        var threads = Enumerable.Range(0, Clients).Select(_ => new Thread(() =>
        {
            while (DateTime.UtcNow < end)
                if (Get(port) > 0) Interlocked.Increment(ref done);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return done / Span.TotalSeconds;
    });

    /// <summary>MiB a second of one download through a published port.</summary>
    public static double Throughput(EngineClient engine) => WithServer(engine, "busybox dd if=/dev/zero of=/tmp/index.html bs=1M count=256 2>/dev/null; exec busybox httpd -f -p 80 -h /tmp", port =>
    {
        var watch = Stopwatch.StartNew();
        return Get(port) / 1048576.0 / watch.Elapsed.TotalSeconds;
    });

    private static long Get(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, port);
        socket.Send("GET / HTTP/1.0\r\n\r\n"u8);
        var buffer = new byte[1 << 20];
        long total = 0;
        int count;
        while ((count = socket.Receive(buffer)) > 0) total += count;
        return total;
    }

    private static double WithServer(EngineClient engine, string script, Func<int, double> measure)
    {
        var id = Create(engine, ["/bin/sh", "-c", script], "bridge", [("80/tcp", "")]);
        try
        {
            engine.Send("POST", $"/containers/{id}/start");
            int port = int.Parse((string)engine.Json("GET", $"/containers/{id}/json")["NetworkSettings"]!["Ports"]!["80/tcp"]![0]!["HostPort"]!, CultureInfo.InvariantCulture);
            for (int attempt = 0; ; attempt++)
            {
                try { if (Get(port) > 0) break; }
                catch (SocketException) when (attempt < 200) { /* it has not begun to listen */ }
                if (attempt == 200) throw new InvalidOperationException($"{engine.Name}: nothing answers on port {port}");
                Thread.Sleep(50);
            }
            return measure(port);
        }
        finally { Cases.Remove(engine, id); }
    }

    /// <summary>Milliseconds to start one container with a thousand published ports, and MiB the engine needs more while it runs.</summary>
    public static (double Start, double Memory) ManyPorts(EngineClient engine, string? mark)
    {
        double before = Memory.PssMiB(engine.Host, mark);
        var id = Create(engine, ["/bin/sleep", "1000"], "bridge", [.. Enumerable.Range(FirstPort, Many).Select(port => ($"{port}/tcp", port.ToString(CultureInfo.InvariantCulture)))]);
        try
        {
            var watch = Stopwatch.StartNew();
            engine.Send("POST", $"/containers/{id}/start");
            double started = watch.Elapsed.TotalMilliseconds;
            return (started, Memory.PssMiB(engine.Host, mark) + ProxiesMiB(engine) - before);
        }
        finally { Cases.Remove(engine, id); }
    }

    // docker's proxies are processes of their own, found by their name.
    private static double ProxiesMiB(EngineClient engine) => engine.Name == "wharf" ? 0 : Process.GetProcessesByName("docker-proxy").Sum(process =>
    {
        try { return File.ReadLines($"/proc/{process.Id}/smaps_rollup").Where(line => line.StartsWith("Pss:", StringComparison.Ordinal)).Sum(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024); }
        catch (IOException) { return 0; } // it ended
    });

    /// <summary>Answers a second for a container's name on a user-defined network, asked by dnsperf in the container's network.</summary>
    public static double Names(EngineClient engine)
    {
        var network = (string)engine.Json("POST", "/networks/create", """{"Name":"wharf-bench-names"}""")["Id"]!;
        var id = Create(engine, ["/bin/sleep", "1000"], "wharf-bench-names", [], "bench-name");
        var file = Path.GetTempFileName();
        try
        {
            engine.Send("POST", $"/containers/{id}/start");
            var pid = ((int)engine.Json("GET", $"/containers/{id}/json")["State"]!["Pid"]!).ToString(CultureInfo.InvariantCulture);
            File.WriteAllText(file, "bench-name A\n");
            using var dnsperf = Process.Start(new ProcessStartInfo("nsenter", ["-t", pid, "-n", "dnsperf", "-s", "127.0.0.11", "-d", file, "-l", "4", "-c", "4", "-T", "1"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            _ = dnsperf.StandardError.ReadToEndAsync();
            var text = dnsperf.StandardOutput.ReadToEnd();
            return Rate().Match(text) is { Success: true } match ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : throw new InvalidOperationException($"{engine.Name}: dnsperf says: {text}");
        }
        finally
        {
            File.Delete(file);
            Cases.Remove(engine, id);
            engine.Send("DELETE", $"/networks/{network}");
        }
    }

    private static string Create(EngineClient engine, string[] command, string network, (string Key, string HostPort)[] ports, string? alias = null)
    {
        var (exposed, bindings) = (new JsonObject(), new JsonObject());
        foreach (var (key, hostPort) in ports)
        {
            exposed[key] = new JsonObject();
            bindings[key] = new JsonArray(new JsonObject { ["HostIp"] = "127.0.0.1", ["HostPort"] = hostPort });
        }
        var request = new JsonObject
        {
            ["Image"] = BenchImage.Name, ["Cmd"] = new JsonArray([.. command.Select(word => (JsonNode)word)]), ["ExposedPorts"] = exposed,
            ["HostConfig"] = new JsonObject { ["NetworkMode"] = network, ["PortBindings"] = bindings },
        };
        if (alias is not null) request["NetworkingConfig"] = new JsonObject { ["EndpointsConfig"] = new JsonObject { [network] = new JsonObject { ["Aliases"] = new JsonArray(alias) } } };
        return (string)engine.Json("POST", "/containers/create", request.ToJsonString())["Id"]!;
    }

    [GeneratedRegex(@"Queries per second:\s+([0-9.]+)")] private static partial Regex Rate();
}
