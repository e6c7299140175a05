using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Wharf.SystemTests.MainJob;

/// <summary>Debian's docker-registry on a free port of 127.0.0.1, ended with the test.</summary>
public sealed class LocalRegistry : IAsyncDisposable
{
    private readonly Process _process;

    private LocalRegistry(Process process, int port) => (_process, Port) = (process, port);

    public int Port { get; }

    public static async Task<LocalRegistry> StartAsync(string directory)
    {
        Directory.CreateDirectory(directory);
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        var config = Path.Combine(directory, "config.yml");
        await File.WriteAllTextAsync(config, $"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n");
        var process = Process.Start(new ProcessStartInfo("docker-registry", ["serve", config]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        using var http = new HttpClient();
        for (int tries = 0; ; tries++)
        {
            try { (await http.GetAsync($"http://127.0.0.1:{port}/v2/")).EnsureSuccessStatusCode(); return new LocalRegistry(process, port); }
            catch (HttpRequestException) when (tries < 200) { await Task.Delay(50); }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
