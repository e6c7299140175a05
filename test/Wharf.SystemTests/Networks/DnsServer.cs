using System.Diagnostics;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Networks;

/// <summary>dnsmasq in a container's network namespace: a real server of UDP and TCP that knows one name.</summary>
public sealed class DnsServer : IAsyncDisposable
{
    public const string Name = "far.example", Answer = "192.0.2.99";
    private readonly Process _process;

    private DnsServer(Process process) => _process = process;

    public static async Task<DnsServer> StartAsync(EngineFixture engine, string container, string port, string address = "0.0.0.0")
    {
        var pid = await Look.AtAsync(engine, container, "{{.State.Pid}}");
        var process = Process.Start("nsenter", ["-t", pid, "-n", "dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--user=root", "--port=" + port, "--listen-address=" + address, "--bind-interfaces", $"--host-record={Name},{Answer}", "--pid-file="]);
        var server = new DnsServer(process);
        for (int attempt = 0; attempt < 50; attempt++)
        {
            var asked = await Look.InNetworkOfAsync(engine, container, "dig", "@" + (address == "0.0.0.0" ? "127.0.0.1" : address), "-p", port, "+short", "+tries=1", "+time=1", Name);
            if (asked.Text == Answer) return server;
            await Task.Delay(50);
        }
        await server.DisposeAsync();
        throw new InvalidOperationException("dnsmasq does not answer");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
