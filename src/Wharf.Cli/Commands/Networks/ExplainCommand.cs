using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network explain</c>: who can reach a container or its port, and through which rule.</summary>
internal sealed class ExplainCommand : Command
{
    public override string Usage => "CONTAINER [PORT[/PROTOCOL]]";
    public override int MinArguments => 1;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("port", arguments.Count > 1 ? arguments[1] : "");
        await using var response = await cli.Api.SendAsync(new ApiRequest("GET", $"/containers/{Uri.EscapeDataString(arguments[0])}/reach{query}"), cancellationToken);
        using var reader = new StreamReader(response.Body);
        await cli.Out.WriteAsync(await reader.ReadToEndAsync(cancellationToken));
        return 0;
    }
}
