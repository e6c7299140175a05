using System.Text.Json.Serialization;

namespace Wharf.Daemon.Api;

/// <summary>Source-generated JSON of a build's query parameters. Build arguments may be null: then the daemon has none.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 8)]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(List<BuildOutput>))]
internal sealed partial class BuildJson : JsonSerializerContext;

/// <summary>A place for a build's result.</summary>
internal sealed record BuildOutput
{
    public string Type { get; set; } = "";
    public Dictionary<string, string> Attrs { get; set; } = [];
}
