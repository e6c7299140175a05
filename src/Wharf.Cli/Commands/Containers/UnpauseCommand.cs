namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf unpause</c>.</summary>
internal sealed class UnpauseCommand : ContainersCommand
{
    public UnpauseCommand() => AddSelection();

    protected override IReadOnlyList<string> States => ["paused"];
    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/unpause", cancellationToken);
        return name;
    }
}
