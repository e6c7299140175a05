using System.Text.Json.Serialization;

namespace Wharf.Specs.Runtime;

/// <summary>The state of a container as hooks and listeners are told it (runtime.md, "State").</summary>
public sealed record State
{
    [JsonPropertyName("ociVersion")] public string OciVersion { get; set; } = "";
    public string Id { get; set; } = "";
    /// <summary>creating, created, running or stopped.</summary>
    public string Status { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public int Pid { get; set; }
    public string Bundle { get; set; } = "";
    public Dictionary<string, string>? Annotations { get; set; }
}

/// <summary>What a seccomp listener receives with the descriptor (config-linux.md, "The Container Process State").</summary>
public sealed record ContainerProcessState
{
    [JsonPropertyName("ociVersion")] public string OciVersion { get; set; } = "";
    public List<string> Fds { get; set; } = [];
    public int Pid { get; set; }
    public string? Metadata { get; set; }
    public State State { get; set; } = new();
}
