using System.Text.Json.Serialization;
using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers;

/// <summary>A container's health as kept in <c>health.json</c>: what inspect shows, and how far the startup check has come.</summary>
internal sealed record HealthRecord
{
    public string? Status { get; set; }
    public long? FailingStreak { get; set; }
    public List<HealthcheckResult>? Log { get; set; }
    public bool? StartupPassed { get; set; }
    public long? StartupSuccesses { get; set; }
    public long? StartupFailures { get; set; }
}

/// <summary>Source-generated JSON of <see cref="HealthRecord"/>.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 8)]
[JsonSerializable(typeof(HealthRecord))]
internal sealed partial class HealthRecordJson : JsonSerializerContext;
