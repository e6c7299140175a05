using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>A vulnerability of an installed package.</summary>
internal sealed record Finding
{
    [JsonPropertyName("id")] public required string Id { get; set; }
    [JsonPropertyName("package")] public required string Package { get; set; }
    [JsonPropertyName("source")] public required string Source { get; set; }
    [JsonPropertyName("version")] public required string Version { get; set; }
    /// <summary>The version that has it no more; null while there is none.</summary>
    [JsonPropertyName("fixed")] public string? Fixed { get; set; }
    [JsonPropertyName("severity")] public string? Severity { get; set; }
    [JsonPropertyName("summary")] public string? Summary { get; set; }
}

/// <summary>What a scan of an image found.</summary>
internal sealed record ScanReport
{
    [JsonPropertyName("digest")] public required string Digest { get; set; }
    [JsonPropertyName("os")] public required string Os { get; set; }
    [JsonPropertyName("osVersion")] public required string OsVersion { get; set; }
    [JsonPropertyName("packages")] public required IReadOnlyList<ScannedPackage> Packages { get; set; }
    /// <summary>Files that tell of packages and could not be read: too large, or not what their names say.</summary>
    [JsonPropertyName("skipped")] public IReadOnlyList<string>? Skipped { get; set; }
    /// <summary>When the youngest of the feeds was written; null where there is none: then nothing was looked for.</summary>
    [JsonPropertyName("feed")] public DateTimeOffset? Feed { get; set; }
    [JsonPropertyName("findings")] public required IReadOnlyList<Finding> Findings { get; set; }
}

internal sealed record ScannedPackage
{
    [JsonPropertyName("name")] public required string Name { get; set; }
    [JsonPropertyName("version")] public required string Version { get; set; }
    [JsonPropertyName("source")] public required string Source { get; set; }
    [JsonPropertyName("type")] public required string Type { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ScanReport))]
internal sealed partial class ScanJson : JsonSerializerContext;
