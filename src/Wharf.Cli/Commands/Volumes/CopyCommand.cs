using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume cp</c> and <c>mv</c>.</summary>
internal sealed class CopyCommand(string verb) : Command
{
    public override string Usage => "VOLUME NEW-VOLUME";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using (await cli.Api.SendAsync(new ApiRequest("POST", $"/volumes/{Uri.EscapeDataString(arguments[0])}/{verb}{new Query().Add("to", arguments[1])}"), cancellationToken))
            await cli.Out.WriteLineAsync(arguments[1]);
        return 0;
    }
}
