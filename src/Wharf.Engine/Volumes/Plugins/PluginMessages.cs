using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Engine.Volumes.Plugins;

// Messages of docker's volume plugin protocol, version 1: every call is a POST with one of these and is answered with the other.

internal sealed record PluginRequest
{
    public string? Name { get; set; }
    public Dictionary<string, string>? Opts { get; set; }
    /// <summary>Whose mount: the same at unmounting.</summary>
    [JsonPropertyName("ID")] public string? Id { get; set; }
}

internal sealed record PluginResponse
{
    public string? Err { get; set; }
    public List<string>? Implements { get; set; }
    public string? Mountpoint { get; set; }
    public PluginVolume? Volume { get; set; }
    public List<PluginVolume>? Volumes { get; set; }
    public PluginCapabilities? Capabilities { get; set; }
}

internal sealed record PluginVolume
{
    public string? Name { get; set; }
    public string? Mountpoint { get; set; }
    public string? CreatedAt { get; set; }
    public Dictionary<string, JsonElement>? Status { get; set; }
}

internal sealed record PluginCapabilities { public string? Scope { get; set; } }

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = true, MaxDepth = 32)]
[JsonSerializable(typeof(PluginRequest))]
[JsonSerializable(typeof(PluginResponse))]
internal sealed partial class PluginJson : JsonSerializerContext;
