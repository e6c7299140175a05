namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf pause</c>.</summary>
internal sealed class PauseCommand : ContainersCommand
{
    public PauseCommand() => AddSelection();

    protected override IReadOnlyList<string> States => ["running"];
    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/pause", cancellationToken);
        return name;
    }
}
