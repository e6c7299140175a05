using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>
/// Requests made at random from the reference: wrong types, huge values, deep nesting, broken JSON and framing, half-closed streams. Never an unforeseen
/// error, never the daemon's end, memory bounded. WHARF_FUZZ_SEED repeats a run, WHARF_FUZZ_COUNT makes a longer one.
/// </summary>
public sealed class FuzzTests(EngineFixture engine)
{
    /// <summary>Not called at random: they go out to registries, stop the world, wait for what never comes, or mount over the machine's own directories.</summary>
    private static readonly HashSet<string> Left = ["ArtifactPull", "ArtifactPush", "RegistryTags", "MountCreate", "ImageCreate", "ImagePush", "ImageSearch", "DistributionInspect", "SystemAuth", "ContainerPrune", "ImagePrune", "VolumePrune", "NetworkPrune", "BuildPrune", "Session"];
    /// <summary>May answer only when something happens; their first bytes, or a moment, are enough.</summary>
    private static readonly HashSet<string> Lasting = ["SystemEvents", "ContainerWait", "ContainerStats", "ContainerLogs", "ContainerAttach", "ContainerAttachWebsocket", "ExecStart", "JobRunWait"];
    /// <summary>Ends at once for <see cref="Live"/>; other containers are of random make and may want to be stopped without an end (StopTimeout -1, or t=-1, and a shell that heeds no signal).</summary>
    private static readonly HashSet<string> Stopping = ["ContainerStop", "ContainerRestart"];
    private const string Live = "fuzz";
    private static readonly string[] Huge = [new('a', 300_000), string.Concat(Enumerable.Repeat("/..", 50_000)), new string('9', 5000)];
    private static readonly string[] Texts = ["", "x", "busybox:latest", "../../etc/passwd", "\0", "a\nb", "%2F", "ÿ€😀", "-1", "18446744073709551616", "1e400", "{}", "[]", "null", "true", "\"", "sha256:", "../..", "host", "container:x", "127.0.0.1:1/x", .. Huge];

    [Fact]
    public async Task Random_requests_never_break_the_daemon()
    {
        if (!engine.IsWharf) return; // it is ours that must hold
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WHARF_FUZZ_SEED"), out int given) ? given : 1; // CI asks the same always; ./dev fuzzapi asks anew
        int before = engine.Log.Length; // what other tests provoked is theirs
        int count = int.TryParse(Environment.GetEnvironmentVariable("WHARF_FUZZ_COUNT"), out int more) ? more : 1000;
        var random = new Random(seed);
        var operations = SchemaReference.Instance.Operations.Concat(SchemaReference.Instance.OwnOperations).Where(operation => !Left.Contains(operation)).ToList();
        try { await SendAllAsync(random, operations, seed, count, before); }
        finally { await CleanAsync(); }
    }

    private async Task SendAllAsync(Random random, List<string> operations, int seed, int count, int before)
    {
        var exec = "";
        var failures = new Dictionary<string, string>(); // the first request for each answer
        long most = 0;
        for (int i = 0; i < count; i++)
        {
            if (i % 150 == 0) exec = await LiveAsync();
            var operation = operations[random.Next(operations.Count)];
            var (request, halfClose) = Make(random, operation, exec);
            var (status, answer) = await SendAsync(request, halfClose, Lasting.Contains(operation) || Stopping.Contains(operation) && !IsOfLive(request));
            if (status == 500) failures.TryAdd($"{operation}: {answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]}", $"request {i}: {Encoding.UTF8.GetString(request.AsSpan(0, Math.Min(request.Length, 1500)))}");
            if (i % 50 == 0) most = Math.Max(most, Resident());
        }
        failures.ShouldBeEmpty($"seed {seed}:\n{string.Join("\n\n", failures.Select(failure => $"{failure.Key}\n{failure.Value}"))}");
        engine.Log[before..].Split('\n').Where(line => line.Contains("\"LogLevel\":\"Error\"", StringComparison.Ordinal)).Select(line => line[..Math.Min(line.Length, 1500)]).ShouldBeEmpty($"seed {seed}");
        (await CommandResult.RunAsync("curl", ["-s", "--unix-socket", engine.SocketPath, "http://d/_ping"])).ShouldExit(0).Text.ShouldBe("OK");
        most.ShouldBeLessThan(400_000, $"kB resident, seed {seed}");
    }

    private static bool IsOfLive(byte[] request) => request.AsSpan().IndexOf(Encoding.ASCII.GetBytes($"/containers/{Live}/")) is >= 0 and < 40;

    private long Resident() => File.ReadLines($"/proc/{engine.DaemonPid}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)).Single();

    /// <summary>A running container for the operations to fall upon, and the ID of an exec in it.</summary>
    private async Task<string> LiveAsync()
    {
        await engine.EnsureImageAsync();
        await engine.DockerAsync("rm", "-f", Live);
        (await engine.DockerAsync("run", "-d", "-i", "--init", "--name", Live, "busybox:latest", "sleep", "100000")).ShouldExit(0);
        using var api = new ApiSession(engine.SocketPath);
        return (await api.CallAsync("ContainerExec", $"/containers/{Live}/exec", 201, """{"Cmd":["cat"],"AttachStdin":true,"AttachStdout":true}""")).GetProperty("Id").GetString()!;
    }

    private async Task CleanAsync()
    {
        foreach (var (list, remove) in ((string[], string[])[])[(["ps", "-aq"], ["rm", "-f", "-v"]), (["network", "ls", "-q", "--filter", "type=custom"], ["network", "rm"]), (["volume", "ls", "-q"], ["volume", "rm", "-f"]), (["job", "ls", "-q"], ["job", "rm", "-f"]), (["secret", "ls", "-q"], ["secret", "rm"])])
        {
            var left = (await engine.WharfAsync(list)).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (left.Length > 0) await engine.WharfAsync([.. remove, .. left]);
        }
        await engine.EnsureImageAsync(); // a request may have removed it
    }

    private static (byte[] Request, bool HalfClose) Make(Random random, string id, string exec)
    {
        var operation = SchemaReference.Instance.Operation(id);
        var path = System.Text.RegularExpressions.Regex.Replace(operation.GetProperty("path").GetString()!, @"\{\w+\}", _ => Uri.EscapeDataString(random.Next(4) == 0 ? Texts[random.Next(Texts.Length)] : id.StartsWith("Exec", StringComparison.Ordinal) ? exec : Live));
        var query = new StringBuilder();
        byte[] body = [];
        foreach (var parameter in operation.GetProperty("parameters").EnumerateArray())
        {
            if (parameter.GetProperty("in").GetString() == "query" && random.Next(2) == 0)
                query.Append(query.Length == 0 ? '?' : '&').Append(parameter.GetProperty("name").GetString()).Append('=').Append(Uri.EscapeDataString(Texts[random.Next(Texts.Length)]));
            if (parameter.GetProperty("in").GetString() == "body") body = Body(random, parameter.TryGetProperty("schema", out var schema) ? schema : default);
        }
        var head = $"{operation.GetProperty("method").GetString()} /v1.{random.Next(24, 52)}{path}{query} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: {(random.Next(20) == 0 ? "text/plain" : "application/json")}\r\n";
        return random.Next(12) switch
        {
            0 => ([.. Encoding.ASCII.GetBytes(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), .. body], true),
            1 => ([.. Encoding.ASCII.GetBytes($"{head}Content-Length: {body.Length + 10}\r\n\r\n"), .. body], true),
            2 => ([.. Encoding.ASCII.GetBytes($"{head}Transfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n"), .. body, .. "\r\n0\r\n\r\n"u8], false),
            3 => ([.. Encoding.ASCII.GetBytes($"{head}Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: {body.Length}\r\n\r\n"), .. body], true),
            // Bytes that come early on what may become a stream, and half of it closed.
            4 => ([.. Encoding.ASCII.GetBytes($"{head.Replace("Connection: close", "Connection: Upgrade", StringComparison.Ordinal)}Upgrade: tcp\r\nContent-Length: {body.Length}\r\n\r\n"), .. body, .. Noise(random)], random.Next(2) == 0),
            _ => ([.. Encoding.ASCII.GetBytes($"{head}Content-Length: {body.Length}\r\n\r\n"), .. body], random.Next(4) == 0),
        };
    }

    private static byte[] Noise(Random random)
    {
        var bytes = new byte[random.Next(5000)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Body(Random random, JsonElement schema)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer)) Value(random, json, schema, 0);
        var bytes = buffer.ToArray();
        if (random.Next(100) == 0) return Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(random.Next(2) == 0 ? "[" : "{\"Labels\":", 50_000)));
        if (random.Next(8) == 0 && bytes.Length > 2) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return random.Next(10) == 0 ? bytes[..(bytes.Length / 2)] : bytes;
    }

    private static void Value(Random random, Utf8JsonWriter json, JsonElement schema, int depth)
    {
        if (schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("$ref", out var name)) schema = SchemaReference.Instance.Definition(name.GetString()!);
        var type = schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("type", out var told) ? told.GetString() : "object";
        // One in ten is of another type than asked for.
        if (random.Next(10) == 0) type = ((string[])["string", "integer", "boolean", "array", "object", "null"])[random.Next(6)];
        switch (type)
        {
            case "string": json.WriteStringValue(Texts[random.Next(Texts.Length)]); break;
            case "integer" or "number": json.WriteNumberValue(((long[])[0, 1, -1, 42, int.MaxValue, long.MaxValue, long.MinValue])[random.Next(7)]); break;
            case "boolean": json.WriteBooleanValue(random.Next(2) == 0); break;
            case "null": json.WriteNullValue(); break;
            case "array":
                json.WriteStartArray();
                for (int i = random.Next(3); i > 0 && depth < 8; i--) Value(random, json, schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("items", out var items) ? items : default, depth + 1);
                json.WriteEndArray();
                break;
            default: Members(random, json, schema, depth); break;
        }
    }

    private static void Members(Random random, Utf8JsonWriter json, JsonElement schema, int depth)
    {
        json.WriteStartObject();
        foreach (var part in schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("allOf", out var all) ? all.EnumerateArray().ToList() : [schema])
        {
            var own = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("$ref", out var name) ? SchemaReference.Instance.Definition(name.GetString()!) : part;
            if (own.ValueKind != JsonValueKind.Object || !own.TryGetProperty("properties", out var properties) || depth > 8) continue;
            foreach (var property in properties.EnumerateObject())
            {
                if (random.Next(4) != 0) continue;
                json.WritePropertyName(property.Name);
                if (property.Name == "Image" && random.Next(2) == 0) json.WriteStringValue("busybox:latest");
                else Value(random, json, property.Value, depth + 1);
            }
        }
        json.WriteEndObject();
    }

    /// <summary>The status of the answer; 0 when the daemon closed without one, which it may on broken framing.</summary>
    private async Task<(int Status, string Answer)> SendAsync(byte[] request, bool halfClose, bool lasts)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var patience = new CancellationTokenSource(lasts ? TimeSpan.FromMilliseconds(50) : TimeSpan.FromSeconds(60));
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.SocketPath), patience.Token);
        var buffer = new byte[4096];
        try
        {
            await socket.SendAsync(request, patience.Token);
            if (halfClose) socket.Shutdown(SocketShutdown.Send);
            int count = await socket.ReceiveAsync(buffer, patience.Token);
            var answer = Encoding.UTF8.GetString(buffer, 0, count);
            var words = answer.Split(' ');
            return (words.Length > 1 && int.TryParse(words[1], out int status) ? status : 0, answer);
        }
        catch (SocketException) { return (0, ""); }
        catch (OperationCanceledException) when (lasts) { return (0, ""); }
        catch (OperationCanceledException) { throw new TimeoutException($"no answer in 60 s to {Encoding.UTF8.GetString(request.AsSpan(0, Math.Min(request.Length, 1500)))}"); }
    }
}
