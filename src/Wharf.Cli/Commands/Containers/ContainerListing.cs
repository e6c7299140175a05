using System.Globalization;
using Wharf.Cli.Output;
using Wharf.Cli.Output.Templates;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>The columns of <c>ps</c>.</summary>
internal static class ContainerListing
{
    public static Listing<ContainerSummary> Create(bool truncates, bool showsSize) => new()
    {
        TypeName = "*formatter.ContainerContext",
        NamesTemplateStep = true,
        TableFormat = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}" + (showsSize ? "\t{{.Size}}" : ""),
        QuietFormat = "{{.ID}}",
        RawFormat = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
            + (showsSize ? "size: {{.Size}}\n" : ""),
        Columns =
        [
            new("ID", "CONTAINER ID", row => Text.ShortId(row.Id, truncates)),
            new("Names", "NAMES", row => Names(row, truncates)),
            new("Image", "IMAGE", row => Image(row, truncates)),
            new("Command", "COMMAND", row => Quoting.Quote(truncates ? Text.Ellipsis(row.Command ?? "", 20) : row.Command ?? "")),
            new("CreatedAt", "CREATED AT", row => Ago.GoString(Created(row))),
            new("RunningFor", "CREATED", row => Ago.Since(Created(row), DateTimeOffset.UtcNow)),
            new("Ports", "PORTS", row => PortList.Display(row.Ports ?? [])),
            new("State", "STATE", row => row.State ?? ""),
            new("Status", "STATUS", row => row.Status ?? ""),
            new("HealthStatus", "HEALTH STATUS", row => HealthIn(row.Status ?? "")),
            new("Size", "SIZE", Size),
            new("Labels", "LABELS", row => Text.Labels(row.Labels)),
            new("Mounts", "MOUNTS", row => string.Join(',', (row.Mounts ?? []).Select(mount => MountName(mount, truncates)))),
            new("LocalVolumes", "LOCAL VOLUMES", row => (row.Mounts ?? []).Count(mount => mount.Driver == "local").ToString(CultureInfo.InvariantCulture)),
            new("Networks", "NETWORKS", row => string.Join(',', (row.NetworkSettings?.Networks ?? []).Keys.Order(StringComparer.Ordinal))),
            new("Platform", "PLATFORM", row => row.ImageManifestDescriptor?.Platform is { } platform ? $"{platform.Os}/{platform.Architecture}" : null),
        ],
        AddMethods = AddLabel,
    };

    private static void AddLabel(TemplateObject fields, ContainerSummary? row)
        => fields["Label"] = (TemplateMethod)(arguments => arguments is [string name] ? row is null ? Text.LabelHeading(name) : row.Labels?.GetValueOrDefault(name) ?? "" : throw new FormatException($"wrong number of args for Label: want 1 got {arguments.Count}"));

    private static DateTimeOffset Created(ContainerSummary row) => DateTimeOffset.FromUnixTimeSeconds(row.Created ?? 0);

    /// <summary>Without links: those are names with a second slash.</summary>
    private static string Names(ContainerSummary row, bool truncates)
    {
        var names = (row.Names ?? []).Select(name => name.TrimStart('/'));
        return string.Join(',', truncates ? names.Where(name => !name.Contains('/')) : names);
    }

    private static string Image(ContainerSummary row, bool truncates)
    {
        if (string.IsNullOrEmpty(row.Image)) return "<no image>";
        if (!truncates) return row.Image;
        // An image that lost its name shows as an ID; "name@digest" shows without the digest.
        if (row.ImageID is { } id && (row.Image == id || row.Image == id.Replace("sha256:", "", StringComparison.Ordinal))) return Text.ShortId(id, truncates: true);
        var (name, tag, digest) = Reference.Split(row.Image);
        return digest == "" ? row.Image : tag == "" ? name : $"{name}:{tag}";
    }

    /// <summary>What the status tells in parentheses of one with a health check: older engines have it nowhere else in a list.</summary>
    public static string HealthIn(string status) => status switch
    {
        _ when status.EndsWith(" (healthy)", StringComparison.Ordinal) => "healthy",
        _ when status.EndsWith(" (unhealthy)", StringComparison.Ordinal) => "unhealthy",
        _ when status.EndsWith(" (health: starting)", StringComparison.Ordinal) => "starting",
        _ => "",
    };

    private static string Size(ContainerSummary row)
    {
        var own = Units.TableSize(row.SizeRw ?? 0);
        return (row.SizeRootFs ?? 0) > 0 ? $"{own} (virtual {Units.TableSize(row.SizeRootFs ?? 0)})" : own;
    }

    private static string MountName(MountPoint mount, bool truncates)
    {
        var name = string.IsNullOrEmpty(mount.Name) ? mount.Source ?? "" : mount.Name;
        return truncates ? Text.Ellipsis(name, 15) : name;
    }
}
