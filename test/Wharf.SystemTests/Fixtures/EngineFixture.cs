using System.Diagnostics;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.SystemTests.Fixtures;
using Xunit;

[assembly: AssemblyFixture(typeof(EngineFixture))]

namespace Wharf.SystemTests.Fixtures;

/// <summary>
/// The published daemon under its own roots, with an image <c>busybox:latest</c> made from Debian's busybox-static. With
/// WHARF_TEST_HOST=unix:///… the tests run against that engine instead, so that a test can prove itself on real Docker.
/// </summary>
public sealed class EngineFixture : IAsyncLifetime
{
    private readonly StringBuilder _log = new();
    private Process? _daemon;

    /// <summary>A directory of this run, removed at its end.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("wharf-test-").FullName;
    public string Host { get; private set; } = "";
    /// <summary>Below <see cref="Root"/>, unless it is to lie elsewhere.</summary>
    public string DataRoot { get => field ?? Path.Combine(Root, "data"); init; }
    public string ExecRoot => Path.Combine(Root, "run");
    public string SocketPath => Host["unix://".Length..];
    /// <summary>A program, with arguments, that runs the daemon in its place: in namespaces of its own, say.</summary>
    public IReadOnlyList<string> Within { get; set; } = [];
    /// <summary>The executable that is the daemon.</summary>
    public string Program { get; set; } = Path.Combine(Binaries, "wharf");
    /// <summary>True when the engine is Wharf, not a peer.</summary>
    public bool IsWharf { get; private set; }
    public int DaemonPid => _daemon?.Id ?? throw new InvalidOperationException("the engine under test is not ours");

    /// <summary>The most memory the daemon had resident, in bytes, since its start or since this was asked before.</summary>
    public long TakePeak()
    {
        var peak = File.ReadLines($"/proc/{DaemonPid}/status").First(static line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        File.WriteAllText($"/proc/{DaemonPid}/clear_refs", "5"); // proc(5): the peak becomes what is resident now
        return long.Parse(peak, System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Where <c>./dev build</c> leaves the binaries.</summary>
    public static string Binaries { get; } = FindBinaries();

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("WHARF_TEST_HOST") is { Length: > 0 } host) Host = host;
        else
        {
            IsWharf = true;
            Host = $"unix://{Root}/wharf.sock";
            await StartDaemonAsync();
        }
        await EnsureImageAsync();
    }

    /// <summary>Makes <c>busybox:latest</c> where it is not, or no longer.</summary>
    public async Task EnsureImageAsync()
    {
        if ((await DockerAsync("image", "inspect", "busybox:latest")).ExitCode != 0)
            (await DockerAsync(BusyboxImage.Tar(), "import", "--change", "CMD [\"sh\"]", "-", "busybox:latest")).ShouldExit(0);
    }

    /// <summary>For a test with an engine of its own: always Wharf, with these options more and without any image.</summary>
    public async Task StartOwnAsync(params string[] more)
    {
        IsWharf = true;
        Host = $"unix://{Root}/wharf.sock";
        await StartDaemonAsync(more);
    }

    /// <summary>Flags for every daemon of a run (<c>WHARF_TEST_DAEMON_FLAGS</c>): so the same tests are run on another driver, say.</summary>
    private static readonly string[] _flags = (Environment.GetEnvironmentVariable("WHARF_TEST_DAEMON_FLAGS") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Starts the daemon and returns when it says that it is ready.</summary>
    public async Task StartDaemonAsync(params string[] more)
    {
        string[] line = [.. Within, Program, "daemon", "-D", "-H", Host, "--data-root", DataRoot, "--exec-root", ExecRoot, .. _flags, .. more];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardError = true, RedirectStandardInput = true };
        _daemon = Process.Start(start)!;
        _daemon.StandardInput.Close();
        var ready = new TaskCompletionSource();
        _ = ReadLogAsync(_daemon.StandardError, ready);
        try { await ready.Task.WaitAsync(CommandResult.Patience(30)); }
        catch (Exception error) { throw new InvalidOperationException($"the daemon did not get ready:\n{Log}", error); }
    }

    private async Task ReadLogAsync(StreamReader reader, TaskCompletionSource ready)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_log) _log.AppendLine(line);
            if (line.Contains("daemon ready", StringComparison.Ordinal)) ready.TrySetResult();
        }
        ready.TrySetException(new InvalidOperationException("it ended"));
    }

    /// <summary>All that the daemon has logged.</summary>
    public string Log { get { lock (_log) return _log.ToString(); } }

    /// <summary>Kills the daemon as a crash would; containers run on.</summary>
    public async Task KillDaemonAsync()
    {
        _daemon!.Kill();
        await _daemon.WaitForExitAsync();
    }

    /// <summary>Stops the daemon as a service manager would; returns its exit code.</summary>
    public async Task<int> StopDaemonAsync()
    {
        await CommandResult.RunAsync("kill", ["-TERM", DaemonPid.ToString()]);
        using var patience = new CancellationTokenSource(CommandResult.Patience(20));
        await _daemon!.WaitForExitAsync(patience.Token);
        return _daemon.ExitCode;
    }

    /// <summary>Runs the docker CLI against the engine.</summary>
    public Task<CommandResult> DockerAsync(params string[] args) => DockerAsync(null, args);

    public Task<CommandResult> DockerAsync(byte[]? stdin, params string[] args) =>
        CommandResult.RunAsync("docker", args, stdin, 120, new Dictionary<string, string> { ["DOCKER_HOST"] = Host, ["DOCKER_BUILDKIT"] = "0", ["DOCKER_CLI_HINTS"] = "false", ["DOCKER_CONFIG"] = Path.Combine(Root, "docker-config") });

    /// <summary>Runs our own CLI against the engine.</summary>
    public Task<CommandResult> WharfAsync(params string[] args) => WharfAsync(null, args);

    public Task<CommandResult> WharfAsync(byte[]? stdin, params string[] args) =>
        CommandResult.RunAsync(Path.Combine(Binaries, "wharf"), ["-H", Host, .. args], stdin, 120, new Dictionary<string, string> { ["DOCKER_CONFIG"] = Path.Combine(Root, "docker-config") });

    public async ValueTask DisposeAsync()
    {
        if (_daemon is { HasExited: false })
        {
            var left = (await DockerAsync("ps", "-aq")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (left.Length > 0) await DockerAsync(["rm", "-f", "-v", .. left]);
            await StopDaemonAsync();
        }
        if (Environment.GetEnvironmentVariable("WHARF_TEST_KEEP_LOG") is { Length: > 0 } path) await File.WriteAllTextAsync(path, Log);
        if (IsWharf) LeakCheck.Run(Root, DataRoot);
        TreeRemoval.Remove(Root);
    }

    private static string FindBinaries()
    {
        if (Environment.GetEnvironmentVariable("WHARF_OUT") is { Length: > 0 } given) return given;
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var output = Path.Combine(directory.FullName, "out");
            if (File.Exists(Path.Combine(output, "wharf"))) return output;
        }
        throw new FileNotFoundException("no out/wharf above the tests: run ./dev build first");
    }
}
