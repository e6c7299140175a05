using System.Globalization;
using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Pods;

/// <summary><c>wharf pod ls</c>.</summary>
internal sealed class PodListCommand : Command
{
    private readonly StringFlag format;
    private readonly BoolFlag noTruncate, quiet;

    public PodListCommand()
    {
        format = Flags.AddFormat();
        noTruncate = Flags.Bool("no-trunc", "Do not shorten anything");
        quiet = Flags.Bool("quiet", 'q', "Only the names");
    }

    public override string Usage => "[OPTIONS]";
    public override int MaxArguments => 0;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await cli.Out.WriteAsync(Table().Render(format.Value == "" ? "table" : format.Value, quiet, await Pod.ListAsync(cli, cancellationToken)));
        return 0;
    }

    private Listing<Pod> Table() => new()
    {
        TypeName = "*formatter.podContext",
        TableFormat = "{{.Name}}\t{{.Status}}\t{{.CreatedSince}}\t{{.Containers}}\t{{.InfraID}}\t{{.Ports}}",
        QuietFormat = "{{.Name}}",
        Columns =
        [
            new("Name", "NAME", pod => pod.Name), new("Status", "STATUS", pod => pod.Status), new("CreatedSince", "CREATED", pod => Ago.Since(DateTimeOffset.FromUnixTimeSeconds(pod.Infra.Created ?? 0), DateTimeOffset.UtcNow)),
            new("Containers", "CONTAINERS", pod => pod.Members.Count.ToString(CultureInfo.InvariantCulture)), new("InfraID", "INFRA ID", pod => Text.ShortId(pod.InfraId, !noTruncate)),
            new("Ports", "PORTS", pod => PortList.Display(pod.Infra.Ports ?? [])), new("Names", "NAMES", pod => string.Join(',', pod.Members.Select(ContainerNaming.Of))),
        ],
    };
}

/// <summary><c>wharf pod inspect</c>.</summary>
internal sealed class PodInspectCommand : Command
{
    private readonly StringFlag format;

    public PodInspectCommand() => format = Flags.AddFormat('f', "How to print: 'json', or a Go template");

    public override string Usage => "[OPTIONS] POD [POD...]";
    public override int MinArguments => 1;

    public override Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
        => Inspection.RunAsync(cli, format.Value, arguments, async name => Describe(await Pod.FindAsync(cli, name, cancellationToken)));

    private static byte[] Describe(Pod pod) => System.Text.Encoding.UTF8.GetBytes(Json.Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("Name", pod.Name);
        json.WriteString("State", pod.Status);
        json.WriteString("Created", DateTimeOffset.FromUnixTimeSeconds(pod.Infra.Created ?? 0));
        json.WriteString("InfraContainerId", pod.InfraId);
        json.WriteStartArray("SharedNamespaces");
        foreach (var space in pod.SharesPid ? (string[])["ipc", "net", "uts", "pid"] : ["ipc", "net", "uts"]) json.WriteStringValue(space);
        json.WriteEndArray();
        json.WriteStartObject("Labels");
        foreach (var (key, value) in pod.Infra.Labels ?? []) json.WriteString(key, value);
        json.WriteEndObject();
        json.WriteStartArray("Containers");
        foreach (var container in pod.Members.Prepend(pod.Infra))
        {
            json.WriteStartObject();
            json.WriteString("Id", container.Id);
            json.WriteString("Name", ContainerNaming.Of(container));
            json.WriteString("Image", container.Image);
            json.WriteString("State", container.State);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }));
}
