using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf create</c>.</summary>
internal sealed class CreateCommand : Command
{
    private readonly ContainerCreation creation;

    public CreateCommand() => creation = new ContainerCreation(Flags, startsPod: false);

    public override string Usage => "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => RunCommand.WithRunErrors(cli, "create", async () =>
        {
            var request = creation.Container.Build(arguments, cli.Api.Host.SocketPath ?? "", cli.Config, cli.Api.Host.Text);
            var created = await creation.CreateAsync(cli, request, cancellationToken);
            await cli.Out.WriteLineAsync(created.Id);
            return 0;
        });
}
