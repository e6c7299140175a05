using System.Text.Json.Serialization;

namespace Wharf.Specs.Runtime;

/// <summary>The OCI runtime configuration, <c>config.json</c> (runtime-spec 1.3, config.md and config-linux.md).</summary>
public sealed record Spec
{
    [JsonPropertyName("ociVersion")] public string OciVersion { get; set; } = "1.3.0";
    public Process? Process { get; set; }
    public Root? Root { get; set; }
    public string? Hostname { get; set; }
    public string? Domainname { get; set; }
    public List<Mount>? Mounts { get; set; }
    public Hooks? Hooks { get; set; }
    public Dictionary<string, string>? Annotations { get; set; }
    public LinuxSpec? Linux { get; set; }
}

/// <summary>The container's root directory. <see cref="Path"/> may be relative to the bundle.</summary>
public sealed record Root
{
    public string Path { get; set; } = "rootfs";
    public bool? Readonly { get; set; }
}

public sealed record Mount
{
    public string Destination { get; set; } = "";
    public string? Type { get; set; }
    public string? Source { get; set; }
    public List<string>? Options { get; set; }
    public List<IdMapping>? UidMappings { get; set; }
    public List<IdMapping>? GidMappings { get; set; }
}

/// <summary>The program to run: the container's init or an exec.</summary>
public sealed record Process
{
    public bool? Terminal { get; set; }
    public ConsoleSize? ConsoleSize { get; set; }
    public User User { get; set; } = new();
    public List<string> Args { get; set; } = [];
    public List<string>? Env { get; set; }
    public string Cwd { get; set; } = "/";
    public Capabilities? Capabilities { get; set; }
    public List<Rlimit>? Rlimits { get; set; }
    public bool? NoNewPrivileges { get; set; }
    public string? ApparmorProfile { get; set; }
    public int? OomScoreAdj { get; set; }
    public Scheduler? Scheduler { get; set; }
    public string? SelinuxLabel { get; set; }
    public IoPriority? IoPriority { get; set; }
    public ExecCpuAffinity? ExecCPUAffinity { get; set; }
}

public sealed record ConsoleSize { public uint Height { get; set; } public uint Width { get; set; } }

public sealed record User
{
    public uint Uid { get; set; }
    public uint Gid { get; set; }
    public uint? Umask { get; set; }
    public List<uint>? AdditionalGids { get; set; }
    public string? Username { get; set; }
}

public sealed record Capabilities
{
    public List<string>? Bounding { get; set; }
    public List<string>? Effective { get; set; }
    public List<string>? Inheritable { get; set; }
    public List<string>? Permitted { get; set; }
    public List<string>? Ambient { get; set; }
}

public sealed record Rlimit { public string Type { get; set; } = ""; public ulong Hard { get; set; } public ulong Soft { get; set; } }

public sealed record Scheduler
{
    public string Policy { get; set; } = "SCHED_OTHER";
    public int? Nice { get; set; }
    public int? Priority { get; set; }
    public List<string>? Flags { get; set; }
    public ulong? Runtime { get; set; }
    public ulong? Deadline { get; set; }
    public ulong? Period { get; set; }
}

public sealed record IoPriority { public string Class { get; set; } = ""; public int Priority { get; set; } }

public sealed record ExecCpuAffinity { public string? Initial { get; set; } public string? Final { get; set; } }

public sealed record Hooks
{
    public List<Hook>? Prestart { get; set; }
    public List<Hook>? CreateRuntime { get; set; }
    public List<Hook>? CreateContainer { get; set; }
    public List<Hook>? StartContainer { get; set; }
    public List<Hook>? Poststart { get; set; }
    public List<Hook>? Poststop { get; set; }
}

public sealed record Hook
{
    public string Path { get; set; } = "";
    public List<string>? Args { get; set; }
    public List<string>? Env { get; set; }
    public int? Timeout { get; set; }
}
