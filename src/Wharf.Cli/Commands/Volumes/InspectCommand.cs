using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume inspect</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly StringFlag format;

    public InspectCommand()
    {
        format = Flags.AddFormat('f', "How to print: 'json', or a Go template");
    }

    public override string Usage => "[OPTIONS] VOLUME [VOLUME...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync($"/volumes/{Uri.EscapeDataString(name)}", cancellationToken));
}
