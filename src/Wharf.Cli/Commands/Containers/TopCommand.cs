using System.Text;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary><c>wharf top</c>.</summary>
internal sealed class TopCommand : Command
{
    public TopCommand() => Flags.Interspersed = false;

    public override string Usage => "CONTAINER [ps OPTIONS]";
    public override int MinArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var query = new Query().Add("ps_args", string.Join(' ', arguments.Skip(1)));
        var top = await cli.Api.GetAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/top{query}", DockerApiJson.Default.ContainerTopResponse, cancellationToken);
        var text = new StringBuilder();
        text.AppendJoin('\t', top.Titles ?? []).Append('\n');
        foreach (var process in top.Processes ?? []) text.AppendJoin('\t', process).Append('\n');
        await cli.Out.WriteAsync(TabWriter.Align(text.ToString(), minWidth: 20, padding: 3));
        return 0;
    }
}
