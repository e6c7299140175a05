namespace Wharf.Runtime.Commands.Store;

/// <summary>What is kept of a container: <c>state.json</c> in its directory below --root.</summary>
internal sealed record ContainerState
{
    public string Id { get; set; } = "";
    public string OciVersion { get; set; } = "";
    public int InitPid { get; set; }
    /// <summary>When the process started, in clock ticks after boot (proc_pid_stat(5), field 22): with the PID it names the process for good.</summary>
    public ulong InitStart { get; set; }
    public DateTime Created { get; set; }
    public string Bundle { get; set; } = "";
    public string Rootfs { get; set; } = "";
    public string Owner { get; set; } = "";
    public string CgroupPath { get; set; } = "";
    public string? CgroupUnit { get; set; }
    public string? CgroupSlice { get; set; }
    public string? IntelRdtPath { get; set; }
    public bool? IntelRdtOwn { get; set; }
    public Dictionary<string, string> CgroupPaths { get; set; } = [];
    public Dictionary<string, string> NamespacePaths { get; set; } = [];
    public Dictionary<string, string>? Annotations { get; set; }
}

/// <summary>What <c>state</c> and <c>list</c> print of a container.</summary>
internal sealed record ContainerSummary
{
    public string OciVersion { get; set; } = "";
    public string Id { get; set; } = "";
    public int Pid { get; set; }
    public string Status { get; set; } = "";
    public string Bundle { get; set; } = "";
    public string Rootfs { get; set; } = "";
    public DateTime Created { get; set; }
    public Dictionary<string, string>? Annotations { get; set; }
    public string Owner { get; set; } = "";
}
