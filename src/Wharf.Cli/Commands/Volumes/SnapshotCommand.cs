using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume snapshot</c>: a copy that says in its labels what it is one of.</summary>
internal sealed class SnapshotCommand : Command
{
    public override string Usage => "VOLUME [SNAPSHOT]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var name = arguments.Count > 1 ? arguments[1] : $"{arguments[0]}-{DateTime.UtcNow.ToString("yyyyMMddTHHmmssfff", CultureInfo.InvariantCulture)}";
        await using (await cli.Api.SendAsync(new ApiRequest("POST", $"/volumes/{Uri.EscapeDataString(arguments[0])}/copy{new Query().Add("to", name).Add("snapshot", "1")}"), cancellationToken))
            await cli.Out.WriteLineAsync(name);
        return 0;
    }
}
