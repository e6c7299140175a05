using System.Text.Json.Serialization;

namespace Wharf.Daemon.Api;

/// <summary>What is looked at in the body of a swarm request: that it is a JSON object, and the address to listen on.</summary>
public sealed record ClusterBody
{
    public string? ListenAddr { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(ClusterBody))]
internal sealed partial class ClusterJson : JsonSerializerContext;
