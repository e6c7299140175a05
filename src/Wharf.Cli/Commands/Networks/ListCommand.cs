using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Output.Templates;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network ls</c>.</summary>
internal sealed class ListCommand : Command
{
    private readonly ListFlag filter;
    private readonly StringFlag format;
    private readonly BoolFlag noTruncate, quiet;

    public ListCommand()
    {
        filter = Flags.AddFilter();
        format = Flags.AddFormat();
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
        quiet = Flags.Bool("quiet", 'q', "Only IDs");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var networks = await cli.Api.GetAsync($"/networks{new Query().AddFilters(filter.Values)}", DockerApiJson.Default.ListNetwork, cancellationToken);
        var text = format.Value != "" ? format.Value : quiet ? "table" : cli.Config.Text("networksFormat") ?? "table";
        await cli.Out.WriteAsync(Listing().Render(text, quiet, [.. networks.OrderBy(network => network.Name, NaturalOrder.Instance)]));
        return 0;
    }

    private Listing<Network> Listing() => new()
    {
        TypeName = "*network.networkContext",
        TableFormat = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
        QuietFormat = "{{.ID}}",
        RawFormat = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
        Columns =
        [
            new("ID", "NETWORK ID", row => Text.ShortId(row.Id, !noTruncate)),
            new("Name", "NAME", row => row.Name ?? ""),
            new("Driver", "DRIVER", row => row.Driver ?? ""),
            new("Scope", "SCOPE", row => row.Scope ?? ""),
            new("IPv4", "IPV4", row => row.EnableIPv4 == false ? "false" : "true"),
            new("IPv6", "IPV6", row => row.EnableIPv6 == true ? "true" : "false"),
            new("Internal", "INTERNAL", row => row.Internal == true ? "true" : "false"),
            new("Labels", "LABELS", row => Text.Labels(row.Labels)),
            new("CreatedAt", "CREATED AT", row => Ago.GoString(row.Created)),
        ],
        AddMethods = (fields, row) => fields["Label"] = (TemplateMethod)(arguments => arguments is [string name] ? row is null ? Text.LabelHeading(name) : row.Labels?.GetValueOrDefault(name) ?? "" : ""),
    };
}
