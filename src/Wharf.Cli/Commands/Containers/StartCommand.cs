using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Streams;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf start</c>.</summary>
internal sealed class StartCommand : ContainersCommand
{
    private readonly BoolFlag attach, interactive;
    private readonly StringFlag checkpoint, checkpointDirectory, detachKeys;

    public StartCommand()
    {
        AddSelection(allShorthand: '\0');
        attach = Flags.Bool("attach", 'a', "Attach stdout and stderr, and pass signals on");
        interactive = Flags.Bool("interactive", 'i', "Attach the container's stdin");
        checkpoint = Flags.String("checkpoint", "Restore from this checkpoint");
        checkpointDirectory = Flags.String("checkpoint-dir", "Directory of checkpoints");
        detachKeys = Flags.String("detach-keys", "Keys that detach from the container");
    }

    protected override IReadOnlyList<string> States => ["created", "exited"];

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (!attach && !interactive) return base.RunAsync(cli, arguments, cancellationToken);
        if (IsSelecting) throw new CliException("you cannot attach to containers that are chosen by --all or --filter");
        if (arguments.Count > 1) throw new CliException("you cannot start and attach multiple containers at once");
        return ContainerSession.StartAttachedAsync(cli, arguments[0], interactive, detachKeys.Value, StartQuery().ToString(), cancellationToken);
    }

    protected override async Task<string?> ApplyAsync(CliContext cli, string name, CancellationToken cancellationToken)
    {
        try { await StartAsync(cli, name, cancellationToken); }
        catch (ApiException error) when (error.Status == 409 && error.DaemonMessage.Contains($"log driver {OwnStreams.Driver}", StringComparison.Ordinal))
        {
            await OwnStreams.HandOverAsync(cli, name, cancellationToken);
            await StartAsync(cli, name, cancellationToken);
        }
        return name;
    }

    private Task<byte[]> StartAsync(CliContext cli, string name, CancellationToken cancellationToken) =>
        cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(name)}/start{StartQuery()}", cancellationToken);

    protected override string Summary(IReadOnlyList<string> failed) => $"Error: failed to start containers: {string.Join(", ", failed)}";

    private Query StartQuery() => new Query().Add("checkpoint", checkpoint.Value).Add("checkpoint-dir", checkpointDirectory.Value);
}
