using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf rename</c>.</summary>
internal sealed class RenameCommand : Command
{
    public override string Usage => "CONTAINER NEW_NAME";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments[0].Trim() == "" || arguments[1].Trim() == "") throw new CliException("Error: Neither old nor new names may be empty");
        try
        {
            await cli.Api.PostAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/rename{new Query().Add("name", arguments[1])}", cancellationToken);
            return 0;
        }
        catch (ApiException e)
        {
            throw new CliException($"{e.Message}\nError: failed to rename container named {arguments[0]}", 1, e);
        }
    }
}
