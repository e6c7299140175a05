using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf stop</c>.</summary>
internal sealed class StopCommand : ContainersCommand
{
    private readonly BoolFlag ignore;
    private readonly StringFlag signal;
    private readonly IntFlag timeout;

    public StopCommand()
    {
        AddSelection();
        ignore = Flags.Bool("ignore", 'i', "A container that is not there is no error");
        signal = Flags.String("signal", 's', "Signal to send to the container");
        timeout = Flags.Int("timeout", 't', "Seconds to wait before killing the container");
        Flags.Alias("time", timeout);
    }

    protected override IReadOnlyList<string> States => ["running", "paused", "restarting"];
    protected override bool IsPassedOver(CliException error) => base.IsPassedOver(error) || (ignore && error is ApiException { Status: 404 });

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        var query = new Query().Add("signal", signal.Value).Add("t", timeout.Changed ? timeout.Value : null);
        await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/stop{query}", cancellationToken);
        return name;
    }
}
