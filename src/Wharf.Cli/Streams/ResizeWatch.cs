using System.Runtime.InteropServices;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;

namespace Wharf.Cli.Streams;

/// <summary>Keeps the container's terminal as large as the user's, from the start and on every SIGWINCH.</summary>
internal sealed class ResizeWatch : IDisposable
{
    private readonly CliContext cli;
    private readonly string path;
    private readonly PosixSignalRegistration registration;

    /// <param name="cli">Where to connect.</param>
    /// <param name="path"><c>/containers/ID</c> or <c>/exec/ID</c>.</param>
    private ResizeWatch(CliContext cli, string path)
    {
        this.cli = cli;
        this.path = path;
        registration = PosixSignalRegistration.Create(PosixSignal.SIGWINCH, context => { _ = ResizeAsync(); });
    }

    public static async Task<ResizeWatch> StartAsync(CliContext cli, string path)
    {
        var watch = new ResizeWatch(cli, path);
        await watch.ResizeAsync();
        return watch;
    }

    private async Task ResizeAsync()
    {
        if (Terminal.Size(1) is not { } size) return;
        try
        {
            await using var client = cli.Options.CreateClient();
            await client.PostAsync($"{path}/resize{new Query().Add("h", size.Rows).Add("w", size.Columns)}", CancellationToken.None);
        }
        catch (Exception e) when (e is CliException or IOException)
        {
            // The process may have ended already; a wrong size is no reason to end the session.
            if (cli.Options.Debug) await cli.Error.WriteLineAsync($"failed to resize tty: {e.Message}");
        }
    }

    public void Dispose() => registration.Dispose();
}
