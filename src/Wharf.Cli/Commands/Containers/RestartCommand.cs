using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf restart</c>.</summary>
internal sealed class RestartCommand : ContainersCommand
{
    private readonly StringFlag signal;
    private readonly IntFlag timeout;

    public RestartCommand()
    {
        AddSelection();
        signal = Flags.String("signal", 's', "Signal to send to the container");
        timeout = Flags.Int("timeout", 't', "Seconds to wait before killing the container");
        Flags.Alias("time", timeout);
    }

    protected override IReadOnlyList<string> States => ["running", "restarting"];

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var query = new Query().Add("signal", signal.Value).Add("t", timeout.Changed ? timeout.Value : null);
        await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/restart{query}", cancellationToken);
        return name;
    }
}
