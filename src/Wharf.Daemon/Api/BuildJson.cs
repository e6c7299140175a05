using System.Text.Json.Serialization;

namespace Wharf.Daemon.Api;

/// <summary>Source-generated JSON of a build's query parameters. Build arguments may be null: then the daemon has none.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, MaxDepth = 8)]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(List<string>))]
internal sealed partial class BuildJson : JsonSerializerContext;
