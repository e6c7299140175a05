using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf create</c>.</summary>
internal sealed class CreateCommand : Command
{
    private readonly ContainerCreation creation;

    public CreateCommand() => creation = new ContainerCreation(Flags, startsPod: false);

    public override string Usage => "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var request = await RunCommand.WithRunErrors("create", () => Task.FromResult(creation.Build(cli, arguments)));
        var created = await creation.CreateAsync(cli, request, cancellationToken);
        await cli.Out.WriteLineAsync(created.Id);
        return 0;
    }
}
