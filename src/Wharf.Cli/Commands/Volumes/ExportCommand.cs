using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume export</c>.</summary>
internal sealed class ExportCommand : Command
{
    private readonly StringFlag output;

    public ExportCommand() => output = Flags.String("output", 'o', "File to write to, in place of stdout");

    public override string Usage => "[OPTIONS] VOLUME";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await OutputFile.WriteAsync(cli, output.Value, "export volume", async file =>
        {
            await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/volumes/{Uri.EscapeDataString(arguments[0])}/export"), cancellationToken);
            await response.Body.CopyToAsync(file, cancellationToken);
        });
        return 0;
    }
}
