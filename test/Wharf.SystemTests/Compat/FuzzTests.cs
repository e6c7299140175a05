using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Compat;

/// <summary>
/// Requests made at random from the reference: wrong types, huge values, broken JSON and framing, half-closed streams. Never an unforeseen
/// error, never the daemon's end, memory bounded. WHARF_FUZZ_SEED repeats a run, WHARF_FUZZ_COUNT makes a longer one.
/// </summary>
public sealed class FuzzTests(EngineFixture engine)
{
    /// <summary>Not called at random: they go out to registries, stop the world, or wait for what never comes.</summary>
    private static readonly HashSet<string> Left = ["ImageCreate", "ImagePush", "ImageSearch", "DistributionInspect", "SystemAuth", "SystemEvents", "ContainerPrune", "ImagePrune", "VolumePrune", "NetworkPrune", "BuildPrune", "ContainerAttach", "ContainerAttachWebsocket", "Session", "ImageBuild"];
    private static readonly string[] Texts = ["", "x", "busybox:latest", "../../etc/passwd", "\0", "a\nb", "%2F", "ÿ€😀", "-1", "18446744073709551616", "1e400", "{}", "[]", "null", "true", "\"", "sha256:", "../..", "host", "container:x", "127.0.0.1:1/x"];

    [Fact]
    public async Task Random_requests_never_break_the_daemon()
    {
        if (!engine.IsWharf) return; // it is ours that must hold
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WHARF_FUZZ_SEED"), out int given) ? given : Environment.TickCount;
        int before = engine.Log.Length; // what other tests provoked is theirs
        int count = int.TryParse(Environment.GetEnvironmentVariable("WHARF_FUZZ_COUNT"), out int more) ? more : 1500;
        var random = new Random(seed);
        var operations = SchemaReference.Instance.Operations.Where(operation => !Left.Contains(operation)).ToList();
        try { await SendAllAsync(random, operations, seed, count, before); }
        finally { await CleanAsync(); }
    }

    private async Task SendAllAsync(Random random, List<string> operations, int seed, int count, int before)
    {
        for (int i = 0; i < count; i++)
        {
            var (request, halfClose) = Make(random, operations[random.Next(operations.Count)]);
            var status = await SendAsync(request, halfClose);
            // Docker answers 500 to some bad values too; what must not be is an error nobody thought of, which is logged as such.
            if (status != 500 && i % 500 != 0) continue;
            var errors = engine.Log[before..].Split('\n').Where(line => line.Contains("\"LogLevel\":\"Error\"", StringComparison.Ordinal)).Select(line => line[..Math.Min(line.Length, 1500)]).ToList();
            errors.ShouldBeEmpty($"seed {seed}, request {i}:\n{Encoding.UTF8.GetString(request.AsSpan(0, Math.Min(request.Length, 2000)))}");
        }
        (await CommandResult.RunAsync("curl", ["-s", "--unix-socket", engine.SocketPath, "http://d/_ping"])).ShouldExit(0).Text.ShouldBe("OK");
        long memory = File.ReadLines($"/proc/{engine.DaemonPid}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)).Single();
        memory.ShouldBeLessThan(400_000, "kB resident");
    }

    private async Task CleanAsync()
    {
        foreach (var (list, remove) in ((string[], string[])[])[(["ps", "-aq"], ["rm", "-f", "-v"]), (["network", "ls", "-q", "--filter", "type=custom"], ["network", "rm"]), (["volume", "ls", "-q"], ["volume", "rm", "-f"])])
        {
            var left = (await engine.DockerAsync(list)).ShouldExit(0).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (left.Length > 0) await engine.DockerAsync([.. remove, .. left]);
        }
        await engine.EnsureImageAsync(); // a request may have removed it
    }

    private static (byte[] Request, bool HalfClose) Make(Random random, string id)
    {
        var operation = SchemaReference.Instance.Operation(id);
        var path = System.Text.RegularExpressions.Regex.Replace(operation.GetProperty("path").GetString()!, @"\{\w+\}", _ => Uri.EscapeDataString(random.Next(4) == 0 ? Texts[random.Next(Texts.Length)] : "fuzz"));
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
            _ => ([.. Encoding.ASCII.GetBytes($"{head}Content-Length: {body.Length}\r\n\r\n"), .. body], random.Next(4) == 0),
        };
    }

    private static byte[] Body(Random random, JsonElement schema)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer)) Value(random, json, schema, 0);
        var bytes = buffer.ToArray();
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
    private async Task<int> SendAsync(byte[] request, bool halfClose)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(engine.SocketPath), patience.Token);
        var buffer = new byte[256];
        try
        {
            await socket.SendAsync(request, patience.Token);
            if (halfClose) socket.Shutdown(SocketShutdown.Send);
            int count = await socket.ReceiveAsync(buffer, patience.Token);
            var words = Encoding.ASCII.GetString(buffer, 0, count).Split(' ');
            return words.Length > 1 && int.TryParse(words[1], out int status) ? status : 0;
        }
        catch (SocketException) { return 0; }
    }
}
