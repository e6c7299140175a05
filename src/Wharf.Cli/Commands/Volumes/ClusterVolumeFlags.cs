using System.Text.Json;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.Commands.Volumes;

/// <summary>The flags of cluster volumes. Engines outside a swarm refuse what they ask for, Wharf among them.</summary>
internal sealed class ClusterVolumeFlags
{
    private readonly StringFlag availability, group, scope, sharing, type;
    private readonly BytesFlag limit, required;
    private readonly MapFlag secret;
    private readonly ListFlag preferred, requisite;
    private readonly Flag[] asking;

    public ClusterVolumeFlags(FlagSet flags)
    {
        availability = flags.String("availability", "Availability of a cluster volume (\"active\", \"pause\", \"drain\")", "active");
        group = flags.String("group", "Group of a cluster volume");
        limit = flags.Bytes("limit-bytes", "Largest size of a cluster volume");
        required = flags.Bytes("required-bytes", "Smallest size of a cluster volume");
        scope = flags.String("scope", "Where a cluster volume is used (\"single\", \"multi\")", "single");
        secret = flags.Map("secret", "Secrets of a cluster volume");
        sharing = flags.String("sharing", "How a cluster volume is shared (\"none\", \"readonly\", \"onewriter\", \"all\")", "none");
        preferred = flags.List("topology-preferred", "Where a cluster volume should be");
        requisite = flags.List("topology-required", "Where a cluster volume must be reachable from");
        type = flags.String("type", "How a cluster volume is accessed (\"mount\", \"block\")", "block");
        // Secrets and places alone ask for nothing, as in docker.
        asking = [availability, group, limit, required, scope, sharing, type];
    }

    /// <summary>The specification for the create request; null when no flag asks for a cluster volume.</summary>
    public JsonElement? Specification()
    {
        if (!asking.Any(flag => flag.Changed)) return null;
        var text = Json.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("Group", group.Value);
            json.WriteString("Availability", availability.Value);
            json.WriteStartObject("AccessMode");
            json.WriteString("Scope", scope.Value);
            json.WriteString("Sharing", sharing.Value);
            json.WriteStartObject(type.Value == "mount" ? "MountVolume" : "BlockVolume");
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteStartObject("CapacityRange");
            json.WriteNumber("RequiredBytes", required.Value);
            json.WriteNumber("LimitBytes", limit.Value);
            json.WriteEndObject();
            json.WriteStartArray("Secrets");
            foreach (var (key, value) in secret.Values)
            {
                json.WriteStartObject();
                json.WriteString("Key", key);
                json.WriteString("Secret", value);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("AccessibilityRequirements");
            Topologies(json, "Requisite", requisite.Values);
            Topologies(json, "Preferred", preferred.Values);
            json.WriteEndObject();
            json.WriteEndObject();
        });
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static void Topologies(Utf8JsonWriter json, string name, List<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStartObject();
            json.WriteStartObject("Segments");
            foreach (var (key, segment) in KeyValue.ToMap(value.Split(','))) json.WriteString(key, segment);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
