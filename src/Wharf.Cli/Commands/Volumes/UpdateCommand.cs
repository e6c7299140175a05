using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary><c>wharf volume update</c>: only cluster volumes of a swarm can be changed, so other engines refuse it.</summary>
internal sealed class UpdateCommand : Command
{
    private readonly StringFlag availability;

    public UpdateCommand() => availability = Flags.String("availability", "Availability of the cluster volume (\"active\", \"pause\", \"drain\")", "active");

    public override string Usage => "[OPTIONS] [VOLUME]";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var path = $"/volumes/{Uri.EscapeDataString(arguments[0])}";
        var volume = await cli.Api.GetElementAsync(path, cancellationToken);
        if (!volume.TryGetProperty("ClusterVolume", out var cluster) || cluster.ValueKind != System.Text.Json.JsonValueKind.Object) throw new CliException("can only update cluster volumes");
        var version = cluster.GetProperty("Version").GetProperty("Index").GetInt64();
        var body = Json.Write(json =>
        {
            json.WriteStartObject();
            json.WriteStartObject("Spec");
            json.WriteString("Availability", availability.Value);
            json.WriteEndObject();
            json.WriteEndObject();
        });
        await using var response = await cli.Api.SendAsync(new ApiRequest("PUT", $"{path}?version={version}") { Body = System.Text.Encoding.UTF8.GetBytes(body), Headers = [new("Content-Type", "application/json")] }, cancellationToken);
        return 0;
    }
}
