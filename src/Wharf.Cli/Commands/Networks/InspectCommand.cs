using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network inspect</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag verbose;

    public InspectCommand()
    {
        format = Flags.AddFormat('f', "How to print: 'json', or a Go template");
        verbose = Flags.Bool("verbose", 'v', "More, for finding faults");
    }

    public override string Usage => "[OPTIONS] NETWORK [NETWORK...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync($"/networks/{Uri.EscapeDataString(name)}{new Query().Add("verbose", verbose).Add("status", verbose)}", cancellationToken));
}
