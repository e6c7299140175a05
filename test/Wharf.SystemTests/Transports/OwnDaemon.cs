using System.Diagnostics;
using System.Text;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Transports;

/// <summary>A daemon of a test's own, with other flags than the shared one.</summary>
internal sealed class OwnDaemon : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private OwnDaemon(Process process, string root) => (_process, Root) = (process, root);

    public string Root { get; }
    public string Socket => Path.Combine(Root, "w.sock");
    public int Pid => _process.Id;
    public string Log { get { lock (_log) return _log.ToString(); } }

    /// <param name="launcher">A program before the daemon's own command line (systemd-socket-activate); nothing for the daemon itself.</param>
    public static async Task<OwnDaemon> StartAsync(Func<string, string[]> flags, Func<string, string[]>? launcher = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var root = Directory.CreateTempSubdirectory("wharf-own-").FullName;
        string[] line = [.. launcher?.Invoke(root) ?? [], Path.Combine(EngineFixture.Binaries, "wharf"), "daemon", "--data-root", Path.Combine(root, "data"), "--exec-root", Path.Combine(root, "run"), .. flags(root)];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        var daemon = new OwnDaemon(process, root);
        var ready = new TaskCompletionSource();
        _ = daemon.ReadAsync(ready, launcher is null ? "daemon ready" : "Listening on");
        try { await ready.Task.WaitAsync(TimeSpan.FromSeconds(30)); }
        catch (Exception error) { throw new InvalidOperationException($"the daemon did not get ready:\n{daemon.Log}", error); }
        return daemon;
    }

    private async Task ReadAsync(TaskCompletionSource ready, string sign)
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_log) _log.AppendLine(line);
            if (line.Contains(sign, StringComparison.Ordinal)) ready.TrySetResult();
        }
        ready.TrySetException(new InvalidOperationException("it ended"));
    }

    public async Task ImportBusyboxAsync() =>
        (await CommandResult.RunAsync("docker", ["-H", $"unix://{Socket}", "import", "--change", "CMD [\"sh\"]", "-", "busybox:latest"], BusyboxImage.Tar())).ShouldExit(0);

    public async ValueTask DisposeAsync()
    {
        await CommandResult.RunAsync("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await _process.WaitForExitAsync(patience.Token);
        _process.Dispose();
        LeakCheck.Run(Root, Path.Combine(Root, "data"));
        Directory.Delete(Root, recursive: true);
    }
}
