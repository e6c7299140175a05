using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>wharf image inspect</c>.</summary>
internal sealed class InspectCommand : Command
{
    private readonly StringFlag format;
    private readonly StringFlag platform;

    public InspectCommand()
    {
        format = Flags.AddFormat('f', "How to print: 'json', or a Go template");
        platform = Flags.String("platform", "Inspect this platform's variant (os[/arch[/variant]])");
    }

    public override string Usage => "[OPTIONS] IMAGE [IMAGE...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("platform", Platform.ToJson(platform.Value));
        return Inspection.RunAsync(cli, format.Value, arguments, name => cli.Api.GetBytesAsync($"/images/{Reference.Escape(name)}/json{query}", cancellationToken));
    }
}
