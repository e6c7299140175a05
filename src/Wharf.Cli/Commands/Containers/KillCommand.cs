using Wharf.Cli.CommandLine;
using Wharf.Cli.ApiClient;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf kill</c>.</summary>
internal sealed class KillCommand : ContainersCommand
{
    private readonly StringFlag signal;

    public KillCommand()
    {
        AddSelection();
        signal = Flags.String("signal", 's', "Signal to send to the container");
    }

    protected override IReadOnlyList<string> States => ["running", "paused"];

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/kill{new Query().Add("signal", signal.Value)}", cancellationToken);
        return name;
    }
}
