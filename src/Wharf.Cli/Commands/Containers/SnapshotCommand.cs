using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf snapshot</c>: prints the version's number.</summary>
internal sealed class SnapshotCommand : Command
{
    private readonly StringFlag author, message;
    private readonly BoolFlag pause;

    public SnapshotCommand()
    {
        author = Flags.String("author", 'a', "Who saves it");
        message = Flags.String("message", 'm', "What was done");
        pause = Flags.Bool("pause", 'p', "Pause the container meanwhile", initial: true);
    }

    public override string Usage => "[OPTIONS] CONTAINER";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("author", author.Value).Add("comment", message.Value);
        if (!pause) query.Add("pause", "0");
        var saved = await cli.Api.PostAsync($"/wharf/containers/{Uri.EscapeDataString(arguments[0])}/versions{query}", WharfJson.Default.ContainerVersion, cancellationToken);
        await cli.Out.WriteLineAsync(saved.Number.ToString(CultureInfo.InvariantCulture));
        return 0;
    }
}
