using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Registry;

/// <summary>A registry server as a process of its own on 127.0.0.1, with a directory that goes with it.</summary>
public sealed class RegistryProcess : IAsyncDisposable
{
    private readonly StringBuilder _log = new();
    private Process? _process;

    public string Root { get; } = Directory.CreateTempSubdirectory("wharf-registry-").FullName;
    public int Port { get; } = FreePort();
    public string Scheme { get; private set; } = "http";
    public string Authority => $"127.0.0.1:{Port}";
    public Uri Url => new($"{Scheme}://{Authority}");
    public int Pid => _process!.Id;
    public string Log { get { lock (_log) return _log.ToString(); } }

    /// <summary>Starts <c>wharf registry serve</c>; a configuration's <c>ROOT</c> stands for the directory.</summary>
    public static async Task<RegistryProcess> WharfAsync(string? config = null, params string[] more)
    {
        var registry = new RegistryProcess();
        await registry.StartAsync(config, more);
        return registry;
    }

    /// <summary>Starts it (again) over the same root.</summary>
    public async Task StartAsync(string? config = null, params string[] more)
    {
        List<string> args = ["registry", "serve", "--addr", Authority, "--root", Path.Combine(Root, "store"), .. more];
        if (config is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(Root, "config.json"), config.Replace("ROOT", Root, StringComparison.Ordinal));
            args.AddRange(["--config", Path.Combine(Root, "config.json")]);
            if (config.Contains("\"tls\"", StringComparison.Ordinal)) Scheme = "https";
        }
        await RunAsync(Path.Combine(EngineFixture.Binaries, "wharf"), args, "registry ready");
    }

    /// <summary>Starts Debian's docker-registry, the model the suite proves itself on.</summary>
    public static async Task<RegistryProcess> DebianAsync()
    {
        var registry = new RegistryProcess();
        var config = Path.Combine(registry.Root, "config.yml");
        await File.WriteAllTextAsync(config, $"version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {registry.Root}/store}}\n  delete: {{enabled: true}}\nhttp: {{addr: {registry.Authority}}}\n");
        await registry.RunAsync("docker-registry", ["serve", config], "listening on");
        return registry;
    }

    /// <summary>Starts any server and waits until it has printed a text.</summary>
    public async Task RunAsync(string program, IEnumerable<string> args, string readyText)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        var ready = new TaskCompletionSource();
        var both = Task.WhenAll(ReadAsync(_process.StandardError, readyText, ready), ReadAsync(_process.StandardOutput, readyText, ready));
        _ = both.ContinueWith(_ => ready.TrySetException(new InvalidOperationException("it ended")), TaskScheduler.Default);
        try { await ready.Task.WaitAsync(TimeSpan.FromSeconds(30)); }
        catch (Exception error) { throw new InvalidOperationException($"{program} did not get ready:\n{Log}", error); }
    }

    private async Task ReadAsync(StreamReader reader, string readyText, TaskCompletionSource ready)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_log) _log.AppendLine(line);
            if (line.Contains(readyText, StringComparison.Ordinal)) ready.TrySetResult();
        }
    }

    /// <summary>Ends it as a power cut of the process would.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Ends it as a service manager would; returns its exit code.</summary>
    public async Task<int> StopAsync()
    {
        await CommandResult.RunAsync("kill", ["-TERM", Pid.ToString()]);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await _process!.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    /// <summary>Resident memory in bytes; the most it ever was with <paramref name="peak"/>.</summary>
    public long Memory(bool peak = false) => long.Parse(File.ReadLines($"/proc/{Pid}/status").First(line => line.StartsWith(peak ? "VmHWM:" : "VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false }) await KillAsync();
        _process?.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}
