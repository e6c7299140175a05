using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Wharf.Engine.Networks.Plugins;

// Answers of docker's protocols of remote network drivers and of remote IPAM drivers, version 1.

internal sealed record NetworkPluginAnswer
{
    /// <summary>Network drivers tell errors here, IPAM drivers in <see cref="Error"/>.</summary>
    public string? Err { get; set; }
    public string? Error { get; set; }
    public List<string>? Implements { get; set; }
    public string? Scope { get; set; }
    [JsonPropertyName("RequiresMACAddress")] public bool RequiresMacAddress { get; set; }
    public bool RequiresRequestReplay { get; set; }
    public string? LocalDefaultAddressSpace { get; set; }
    public string? GlobalDefaultAddressSpace { get; set; }
    [JsonPropertyName("PoolID")] public string? PoolId { get; set; }
    public string? Pool { get; set; }
    public Dictionary<string, string>? Data { get; set; }
    public string? Address { get; set; }
    public PluginInterface? Interface { get; set; }
    public PluginInterfaceName? InterfaceName { get; set; }
    public string? Gateway { get; set; }
    public string? GatewayIPv6 { get; set; }
    public List<PluginRoute>? StaticRoutes { get; set; }
}

/// <summary>What an endpoint's interface has: addresses with their prefix length.</summary>
internal sealed record PluginInterface
{
    public string? Address { get; set; }
    public string? AddressIPv6 { get; set; }
    public string? MacAddress { get; set; }
}

/// <summary>The interface that a driver has made on the host, and how it is called in the container: a prefix and a number, or a name.</summary>
internal sealed record PluginInterfaceName
{
    public string? SrcName { get; set; }
    public string? DstPrefix { get; set; }
    public string? DstName { get; set; }
}

/// <summary>A route in the container: by way of a neighbour (type 0) or on the cable (1).</summary>
public sealed record PluginRoute
{
    public string? Destination { get; set; }
    public int RouteType { get; set; }
    public string? NextHop { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNameCaseInsensitive = true, MaxDepth = 32)]
[JsonSerializable(typeof(NetworkPluginAnswer))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class NetworkPluginJson : JsonSerializerContext;
