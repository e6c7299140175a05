using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume import</c>.</summary>
internal sealed class ImportCommand : Command
{
    public override string Usage => "VOLUME [FILE|-]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var file = InputFile.Open(cli, arguments.Count > 1 && arguments[1] != "-" ? arguments[1] : "", "refusing to read an archive from a terminal");
        await using (await cli.Api.SendAsync(new ApiRequest("POST", $"/volumes/{Uri.EscapeDataString(arguments[0])}/import") { BodyStream = file, Headers = [new("Content-Type", "application/x-tar")] }, cancellationToken))
            await cli.Out.WriteLineAsync(arguments[0]);
        return 0;
    }
}
