using System.Text.Json.Serialization;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>How a container was asked for, with the image's configuration merged in. Kept as one JSON column.</summary>
public sealed record ContainerDocument
{
    public ContainerConfig Config { get; init; } = new();
    public HostConfig HostConfig { get; init; } = new();
    /// <summary>Digest of the image's configuration.</summary>
    public string ImageId { get; init; } = "";
    /// <summary>Chain ID of the layers below the writable one; null for an empty root.</summary>
    public string? ChainId { get; init; }
    public string Path { get; init; } = "";
    public List<string> Args { get; init; } = [];
    public List<MountPoint> Mounts { get; init; } = [];
    /// <summary>Networks to be on, by name, and what was asked of each.</summary>
    public Dictionary<string, EndpointSettings> Endpoints { get; init; } = [];
    /// <summary>A step of a build: it is in no listing, and goes with the build.</summary>
    public bool IsStep { get; init; }
    /// <summary>What only a build step mounts, beside <see cref="Mounts"/>. Not kept: a step does not outlive its daemon.</summary>
    [JsonIgnore] public List<Specs.Runtime.Mount>? StepMounts { get; init; }
}

/// <summary>A container's network as set up: kept while it runs so that a restarted daemon can still tell.</summary>
public sealed record NetworkState
{
    public Dictionary<string, EndpointSettings> Endpoints { get; init; } = [];
    public Dictionary<string, List<PortBinding>?> Ports { get; init; } = [];
}

/// <summary>Source-generated JSON of what the container tables hold.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 64)]
[JsonSerializable(typeof(ContainerDocument))]
[JsonSerializable(typeof(NetworkState))]
internal sealed partial class ContainerJson : JsonSerializerContext;
