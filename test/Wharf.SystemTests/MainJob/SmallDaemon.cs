using System.Diagnostics;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.MainJob;

/// <summary>A second daemon with its data under a given directory, for tests of what happens when that is full.</summary>
public sealed class SmallDaemon : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _host;

    private SmallDaemon(Process process, string host) => (_process, _host) = (process, host);

    public static async Task<SmallDaemon> StartAsync(EngineFixture engine, string directory)
    {
        var host = $"unix://{engine.Root}/small.sock";
        var process = Process.Start(new ProcessStartInfo(Path.Combine(EngineFixture.Binaries, "wharf"), ["daemon", "-H", host, "--data-root", directory + "/data", "--exec-root", engine.Root + "/small-run"]) { RedirectStandardError = true })!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (await process.StandardError.ReadLineAsync(patience.Token) is { } line)
            if (line.Contains("daemon ready", StringComparison.Ordinal)) break;
        _ = process.StandardError.ReadToEndAsync(CancellationToken.None);
        return new SmallDaemon(process, host);
    }

    public Task<CommandResult> DockerAsync(byte[] stdin, params string[] args) =>
        CommandResult.RunAsync("docker", args, stdin, 60, new Dictionary<string, string> { ["DOCKER_HOST"] = _host });

    public async ValueTask DisposeAsync()
    {
        (await CommandResult.RunAsync("kill", ["-TERM", _process.Id.ToString()])).ShouldExit(0);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
