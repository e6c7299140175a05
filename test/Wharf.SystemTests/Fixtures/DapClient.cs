using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Wharf.SystemTests.Fixtures;

/// <summary>A frame of the stack that a debugger stopped in.</summary>
internal sealed record DapFrame(int Id, string Name, int Line);

/// <summary>Where a debugger stopped and why; null as the reason when it ended.</summary>
internal sealed record DapStop(string? Reason, int Thread, IReadOnlyList<DapFrame> Frames);

/// <summary>An editor's end of the Debug Adapter Protocol, over the standard streams of a program.</summary>
internal sealed class DapClient : IDisposable
{
    private readonly Process _process;
    private readonly List<JsonObject> _pending = [];
    private readonly CancellationTokenSource _patience = new(CommandResult.Patience(120));
    private readonly StringBuilder _output = new();
    private readonly Task<string> _errors;
    private int _sequence;

    public DapClient(IEnumerable<string> line, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo("docker", line) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        _process = Process.Start(start) ?? throw new InvalidOperationException("cannot start docker");
        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>What the program told as output so far.</summary>
    public string Output => _output.ToString();

    /// <summary>Begins to debug a build, with breakpoints on lines of its Dockerfile.</summary>
    public async Task LaunchAsync(string context, bool stopOnEntry, params int[] lines)
    {
        await AskAsync("initialize", new JsonObject { ["clientID"] = "test", ["adapterID"] = "buildx", ["supportsRunInTerminalRequest"] = true });
        int launch = await SendAsync("launch", new JsonObject { ["stopOnEntry"] = stopOnEntry, ["contextPath"] = context, ["dockerfile"] = Path.Combine(context, "Dockerfile") });
        await WaitAsync(static message => (string?)message["event"] == "initialized");
        var points = new JsonArray([.. lines.Select(static line => new JsonObject { ["line"] = line })]);
        await AskAsync("setBreakpoints", new JsonObject { ["source"] = new JsonObject { ["path"] = Path.Combine(context, "Dockerfile") }, ["breakpoints"] = points });
        await AskAsync("configurationDone", []);
        await AnswerAsync(launch, "launch");
    }

    private async Task<int> SendAsync(string command, JsonObject arguments)
    {
        int sequence = ++_sequence;
        await WriteAsync(new JsonObject { ["seq"] = sequence, ["type"] = "request", ["command"] = command, ["arguments"] = arguments });
        return sequence;
    }

    private async Task WriteAsync(JsonObject message)
    {
        var text = message.ToJsonString();
        await _process.StandardInput.WriteAsync($"Content-Length: {Encoding.UTF8.GetByteCount(text).ToString(CultureInfo.InvariantCulture)}\r\n\r\n{text}");
        await _process.StandardInput.FlushAsync(_patience.Token);
    }

    /// <summary>A request and its answer.</summary>
    public async Task<JsonNode> AskAsync(string command, JsonObject arguments) => await AnswerAsync(await SendAsync(command, arguments), command);

    private async Task<JsonNode> AnswerAsync(int sequence, string command)
    {
        var answer = await WaitAsync(message => (string?)message["type"] == "response" && (int?)message["request_seq"] == sequence);
        return (bool)answer["success"]! ? answer["body"] ?? new JsonObject() : throw new InvalidOperationException($"{command}: {answer.ToJsonString()}");
    }

    private async Task<JsonObject> WaitAsync(Predicate<JsonObject> wanted)
    {
        if (_pending.Find(wanted) is { } known)
        {
            _pending.Remove(known);
            return known;
        }
        while (true)
        {
            var message = await ReadAsync();
            if ((string?)message["event"] == "output") _output.Append((string?)message["body"]!["output"]);
            if (wanted(message)) return message;
            _pending.Add(message);
        }
    }

    private async Task<JsonObject> ReadAsync()
    {
        var header = await ReadLineAsync();
        while ((await ReadLineAsync()).Length > 0) { }
        var text = new byte[int.Parse(header.Split(':')[1], CultureInfo.InvariantCulture)];
        await _process.StandardOutput.BaseStream.ReadExactlyAsync(text, _patience.Token);
        return JsonNode.Parse(text)!.AsObject();
    }

    private async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        var next = new byte[1];
        while (true)
        {
            if (await _process.StandardOutput.BaseStream.ReadAsync(next, _patience.Token) == 0) throw new InvalidOperationException($"it ended:\n{_output}\n{await _errors}");
            if (next[0] == '\n') return line.ToString().TrimEnd('\r');
            line.Append((char)next[0]);
        }
    }

    /// <summary>Waits until the build stops or ends.</summary>
    public async Task<DapStop> StoppedAsync()
    {
        var stopped = await WaitAsync(static message => (string?)message["event"] is "stopped" or "terminated");
        if ((string?)stopped["event"] == "terminated") return new DapStop(null, 0, []);
        int thread = (int)stopped["body"]!["threadId"]!;
        var frames = (await AskAsync("stackTrace", new JsonObject { ["threadId"] = thread }))["stackFrames"]!.AsArray();
        return new DapStop((string?)stopped["body"]!["reason"], thread, [.. frames.Select(static frame => new DapFrame((int)frame!["id"]!, (string)frame["name"]!, (int?)frame["line"] ?? 0))]);
    }

    /// <summary>Goes on by <c>next</c>, <c>stepIn</c>, <c>stepOut</c> or <c>continue</c>, and waits for the next stop.</summary>
    public async Task<DapStop> GoAsync(string how, DapStop from)
    {
        await AskAsync(how, new JsonObject { ["threadId"] = from.Thread });
        return await StoppedAsync();
    }

    /// <summary>The variables below a frame's scope, by a path of names; each with its value.</summary>
    public async Task<Dictionary<string, string>> VariablesAsync(DapFrame frame, string scope, params string[] path)
    {
        var scopes = (await AskAsync("scopes", new JsonObject { ["frameId"] = frame.Id }))["scopes"]!.AsArray();
        if (scopes.FirstOrDefault(found => (string?)found!["name"] == scope) is not { } top) return [];
        int reference = (int)top["variablesReference"]!;
        for (int i = 0; ; i++)
        {
            var variables = (await AskAsync("variables", new JsonObject { ["variablesReference"] = reference }))["variables"]!.AsArray();
            if (i == path.Length) return variables.ToDictionary(static variable => (string)variable!["name"]!, static variable => (string?)variable!["value"] ?? "");
            reference = (int)variables.First(variable => (string?)variable!["name"] == path[i])!["variablesReference"]!;
        }
    }

    /// <summary>Asks for a shell in a frame; gives the command line that the editor is to run in a terminal.</summary>
    public async Task<IReadOnlyList<string>> ShellAsync(DapFrame frame)
    {
        int asked = await SendAsync("evaluate", new JsonObject { ["expression"] = "exec", ["context"] = "repl", ["frameId"] = frame.Id });
        var request = await WaitAsync(static message => (string?)message["type"] == "request");
        await WriteAsync(new JsonObject { ["seq"] = ++_sequence, ["type"] = "response", ["request_seq"] = (int)request["seq"]!, ["success"] = true, ["command"] = "runInTerminal", ["body"] = new JsonObject() });
        await AnswerAsync(asked, "evaluate");
        return [.. request["arguments"]!["args"]!.AsArray().Select(static word => (string)word!)];
    }

    /// <summary>Waits until the program ends by itself; gives its exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(_patience.Token);
        return _process.ExitCode;
    }

    /// <summary>Ends the program if it has not: so does an editor that is closed.</summary>
    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _patience.Dispose();
    }
}
