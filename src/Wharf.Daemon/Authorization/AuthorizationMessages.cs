using System.Text.Json.Serialization;

namespace Wharf.Daemon.Authorization;

/// <summary>What an authorization plugin is asked (Docker's authorization plugin protocol, v1).</summary>
public sealed record AuthorizationRequest
{
    public string? User { get; set; }
    public string? UserAuthNMethod { get; set; }
    public string? RequestMethod { get; set; }
    public string? RequestUri { get; set; }
    public byte[]? RequestBody { get; set; }
    public Dictionary<string, string>? RequestHeaders { get; set; }
    public byte[]? ResponseBody { get; set; }
    public Dictionary<string, string>? ResponseHeaders { get; set; }
    public int? ResponseStatusCode { get; set; }
}

/// <summary>What it answers.</summary>
public sealed record AuthorizationResponse
{
    public bool Allow { get; set; }
    public string? Msg { get; set; }
    public string? Err { get; set; }
}

/// <summary>What a plugin says it can do, on <c>/Plugin.Activate</c>.</summary>
public sealed record PluginManifest
{
    public List<string>? Implements { get; set; }
}

/// <summary>A plugin's <c>NAME.json</c>.</summary>
public sealed record PluginSpec
{
    public string? Addr { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(AuthorizationRequest))]
[JsonSerializable(typeof(AuthorizationResponse))]
[JsonSerializable(typeof(PluginManifest))]
[JsonSerializable(typeof(PluginSpec))]
internal sealed partial class AuthorizationJson : JsonSerializerContext;
