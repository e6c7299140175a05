using System.Text.Json.Serialization;

namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.51: <c>HistoryResponseItem</c>. Absent and null mean the same.</summary>
public sealed record HistoryResponseItem
{
    public string? Id { get; set; }
    public long? Created { get; set; }
    public string? CreatedBy { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public List<string>? Tags { get; set; }
    public long? Size { get; set; }
    public string? Comment { get; set; }
}
