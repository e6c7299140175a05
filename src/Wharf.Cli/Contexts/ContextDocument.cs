using System.Text.Json.Serialization;

namespace Wharf.Cli.Contexts;

/// <summary>A context as docker's client stores it in <c>meta.json</c>.</summary>
internal sealed record ContextDocument
{
    public string Name { get; set; } = "";
    public ContextMetadata Metadata { get; set; } = new();
    public Dictionary<string, ContextEndpoint> Endpoints { get; set; } = [];

    [JsonIgnore] public ContextEndpoint Docker => Endpoints.TryGetValue("docker", out var endpoint) ? endpoint : Endpoints["docker"] = new ContextEndpoint();
}

internal sealed record ContextMetadata
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Description { get; set; }
}

internal sealed record ContextEndpoint
{
    public string Host { get; set; } = "";
    public bool SkipTLSVerify { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ContextDocument))]
internal sealed partial class ContextJson : JsonSerializerContext;
