using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf container inspect</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag size;

    public InspectCommand()
    {
        format = Flags.AddFormat('f', "How to print: 'json', or a Go template");
        size = Flags.Bool("size", 's', "Also sizes");
    }

    public override string Usage => "[OPTIONS] CONTAINER [CONTAINER...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync($"/containers/{Uri.EscapeDataString(name)}/json{new Query().Add("size", size)}", cancellationToken));
}
