using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf container exists</c>: 0 when it is there, 1 when not, 125 when that cannot be told.</summary>
internal sealed class ExistsCommand : Command
{
    private const int Unknown = 125;

    public override string Usage => "CONTAINER";
    public override string Details => "Prints nothing. Exits with 0 when there is such a container, with 1 when there is none,\nand with 125 when the daemon cannot tell.";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        try
        {
            await cli.Api.GetBytesAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/json", cancellationToken);
            return 0;
        }
        catch (ApiException e) when (e.Status == 404)
        {
            return 1;
        }
        catch (CliException e)
        {
            throw new CliException(e.Message, Unknown, e);
        }
    }
}
