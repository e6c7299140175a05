using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>Something that happened, for the audit log and webhooks.</summary>
public sealed record RegistryEvent
{
    [JsonPropertyName("id")] public string Id { get; init; } = Guid.NewGuid().ToString("D");
    [JsonPropertyName("time")] public DateTimeOffset Time { get; init; } = DateTimeOffset.UtcNow;
    /// <summary>push, pull, delete, mount, login, collect, retention, scrub, robot.</summary>
    [JsonPropertyName("action")] public required string Action { get; init; }
    [JsonPropertyName("repository")] public string? Repository { get; init; }
    [JsonPropertyName("digest")] public string? Digest { get; init; }
    [JsonPropertyName("tag")] public string? Tag { get; init; }
    [JsonPropertyName("user")] public string? User { get; init; }
    [JsonPropertyName("address")] public string? Address { get; init; }
    [JsonPropertyName("agent")] public string? Agent { get; init; }
    /// <summary>What was refused and why; null when it was done.</summary>
    [JsonPropertyName("error")] public string? Error { get; init; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RegistryEvent))]
internal sealed partial class RegistryEventJson : JsonSerializerContext;
