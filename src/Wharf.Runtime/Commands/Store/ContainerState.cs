using System.Text.Json.Serialization;

namespace Wharf.Runtime.Commands.Store;

/// <summary>What is kept of a container: <c>state.json</c> in its directory below --root.</summary>
internal sealed record ContainerState
{
    public string Id { get; set; } = "";
    [JsonPropertyName("ociVersion")] public string OciVersion { get; set; } = "";
    [JsonPropertyName("init_process_pid")] public int InitPid { get; set; }
    /// <summary>When the process started, in clock ticks after boot (proc_pid_stat(5), field 22): with the PID it names the process for good.</summary>
    [JsonPropertyName("init_process_start")] public ulong InitStart { get; set; }
    public DateTime Created { get; set; }
    public string Bundle { get; set; } = "";
    public string Rootfs { get; set; } = "";
    public string Owner { get; set; } = "";
    [JsonPropertyName("cgroup_path")] public string CgroupPath { get; set; } = "";
    [JsonPropertyName("cgroup_unit")] public string? CgroupUnit { get; set; }
    [JsonPropertyName("cgroup_slice")] public string? CgroupSlice { get; set; }
    [JsonPropertyName("cgroup_paths")] public Dictionary<string, string> CgroupPaths { get; set; } = [];
    [JsonPropertyName("namespace_paths")] public Dictionary<string, string> NamespacePaths { get; set; } = [];
    public Dictionary<string, string>? Annotations { get; set; }
}

/// <summary>What <c>state</c> and <c>list</c> print of a container.</summary>
internal sealed record ContainerSummary
{
    [JsonPropertyName("ociVersion")] public string OciVersion { get; set; } = "";
    public string Id { get; set; } = "";
    public int Pid { get; set; }
    public string Status { get; set; } = "";
    public string Bundle { get; set; } = "";
    public string Rootfs { get; set; } = "";
    public DateTime Created { get; set; }
    public Dictionary<string, string>? Annotations { get; set; }
    public string Owner { get; set; } = "";
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ContainerState))]
[JsonSerializable(typeof(ContainerSummary))]
[JsonSerializable(typeof(List<ContainerSummary>))]
[JsonSerializable(typeof(List<int>))]
internal sealed partial class StoreJson : JsonSerializerContext;
