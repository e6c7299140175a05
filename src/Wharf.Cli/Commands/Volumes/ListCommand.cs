using System.Globalization;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Cli.Output.Templates;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume ls</c>.</summary>
internal sealed class ListCommand : Command
{
    private readonly ListFlag filter;
    private readonly StringFlag format;
    private readonly BoolFlag quiet, cluster;

    public ListCommand()
    {
        cluster = Flags.Add(new BoolFlag("cluster", '\0', "Only cluster volumes") { Hidden = true });
        filter = Flags.AddFilter();
        format = Flags.AddFormat();
        quiet = Flags.Bool("quiet", 'q', "Only names");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var list = await cli.Api.GetAsync($"/volumes{new Query().AddFilters(filter.Values)}", DockerApiJson.Default.VolumeListResponse, cancellationToken);
        var text = format.Value != "" ? format.Value : quiet ? "table" : cli.Config.Text("volumesFormat") ?? "table";
        var volumes = cluster ? [] : (list.Volumes ?? []).OrderBy(volume => volume.Name, NaturalOrder.Instance).ToList();
        await cli.Out.WriteAsync(Create().Render(text, quiet, volumes));
        return 0;
    }

    public static Listing<Volume> Create(string? tableFormat = null) => new()
    {
        TypeName = "*formatter.volumeContext",
        TableFormat = tableFormat ?? "{{.Driver}}\t{{.Name}}",
        QuietFormat = "{{.Name}}",
        RawFormat = "name: {{.Name}}\ndriver: {{.Driver}}\n",
        Columns =
        [
            new("Name", "VOLUME NAME", row => row.Name ?? ""),
            new("Driver", "DRIVER", row => row.Driver ?? ""),
            new("Scope", "SCOPE", row => row.Scope ?? ""),
            new("Mountpoint", "MOUNTPOINT", row => row.Mountpoint ?? ""),
            new("Labels", "LABELS", row => Text.Labels(row.Labels)),
            new("Links", "LINKS", row => row.UsageData?.RefCount is { } count ? count.ToString(CultureInfo.InvariantCulture) : "N/A"),
            new("Size", "SIZE", row => row.UsageData?.Size is { } size ? Units.HumanSize(size) : "N/A"),
            new("Group", "GROUP", _ => "N/A"),
            new("Availability", "AVAILABILITY", _ => "N/A"),
            new("Status", "STATUS", _ => "N/A"),
        ],
        AddMethods = (fields, row) => fields["Label"] = (TemplateMethod)(arguments => arguments is [string name] ? row is null ? Text.LabelHeading(name) : row.Labels?.GetValueOrDefault(name) ?? "" : ""),
    };
}
