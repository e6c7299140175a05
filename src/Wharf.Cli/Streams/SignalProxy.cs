using System.Runtime.InteropServices;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Streams;

/// <summary>Passes the signals this process gets on to the container.</summary>
internal sealed class SignalProxy : IDisposable
{
    private static readonly (int Number, string Name)[] Signals = [(1, "HUP"), (2, "INT"), (3, "QUIT"), (10, "USR1"), (12, "USR2"), (14, "ALRM"), (15, "TERM")];
    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly CliContext cli;
    private readonly string container;

    public SignalProxy(CliContext cli, string container)
    {
        this.cli = cli;
        this.container = container;
        foreach (var (number, name) in Signals)
        {
            registrations.Add(PosixSignalRegistration.Create((PosixSignal)number, context =>
            {
                context.Cancel = true;
                _ = SendAsync(name);
            }));
        }
    }

    private async Task SendAsync(string signal)
    {
        try
        {
            // A connection of its own: the client's others are busy with the container's streams, on other threads.
            await using var client = cli.Options.CreateClient();
            await client.PostAsync($"/containers/{Uri.EscapeDataString(container)}/kill{new Query().Add("signal", signal)}", CancellationToken.None);
        }
        catch (Exception e) when (e is CliException or IOException)
        {
            // A container that is not there any more has nothing to be told; the session ends by itself.
            if (cli.Options.Debug) await cli.Error.WriteLineAsync($"Error sending signal: {e.Message}");
        }
    }

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
    }
}
