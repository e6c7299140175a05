using System.Text.Json.Serialization;

namespace Wharf.Specs.Runtime;

/// <summary>The Linux part of the OCI runtime configuration (config-linux.md).</summary>
public sealed record LinuxSpec
{
    public List<IdMapping>? UidMappings { get; set; }
    public List<IdMapping>? GidMappings { get; set; }
    public Dictionary<string, string>? Sysctl { get; set; }
    public LinuxResources? Resources { get; set; }
    public string? CgroupsPath { get; set; }
    public List<LinuxNamespace>? Namespaces { get; set; }
    public List<LinuxDevice>? Devices { get; set; }
    public LinuxSeccomp? Seccomp { get; set; }
    public string? RootfsPropagation { get; set; }
    public List<string>? MaskedPaths { get; set; }
    public List<string>? ReadonlyPaths { get; set; }
    public string? MountLabel { get; set; }
    public LinuxPersonality? Personality { get; set; }
    public Dictionary<string, LinuxTimeOffset>? TimeOffsets { get; set; }
    public LinuxIntelRdt? IntelRdt { get; set; }
    public LinuxMemoryPolicy? MemoryPolicy { get; set; }
    /// <summary>Network interfaces of the host, by name, that move into the container's namespace.</summary>
    public Dictionary<string, LinuxNetDevice>? NetDevices { get; set; }
}

/// <summary>Shares of caches and memory bandwidth (the kernel's resctrl file system).</summary>
public sealed record LinuxIntelRdt
{
    [JsonPropertyName("closID")] public string? ClosId { get; set; }
    public List<string>? Schemata { get; set; }
    public string? L3CacheSchema { get; set; }
    public string? MemBwSchema { get; set; }
    public bool? EnableMonitoring { get; set; }
}

/// <summary>From which memory nodes the program gets its memory (set_mempolicy(2)).</summary>
public sealed record LinuxMemoryPolicy { public string Mode { get; set; } = ""; public string? Nodes { get; set; } public List<string>? Flags { get; set; } }

/// <summary>What an interface is called in the container; by default as on the host.</summary>
public sealed record LinuxNetDevice { public string? Name { get; set; } }

public sealed record IdMapping
{
    [JsonPropertyName("containerID")] public uint ContainerId { get; set; }
    [JsonPropertyName("hostID")] public uint HostId { get; set; }
    public uint Size { get; set; }
}

/// <summary>A namespace to create, or to join when <see cref="Path"/> is set. Types: pid, network, ipc, uts, mount, user, cgroup, time.</summary>
public sealed record LinuxNamespace { public string Type { get; set; } = ""; public string? Path { get; set; } }

public sealed record LinuxDevice
{
    public string Type { get; set; } = "c";
    public string Path { get; set; } = "";
    public long? Major { get; set; }
    public long? Minor { get; set; }
    public uint? FileMode { get; set; }
    public uint? Uid { get; set; }
    public uint? Gid { get; set; }
}

public sealed record LinuxPersonality { public string Domain { get; set; } = "LINUX"; public List<string>? Flags { get; set; } }

public sealed record LinuxTimeOffset { public long Secs { get; set; } public uint Nanosecs { get; set; } }

public sealed record LinuxResources
{
    public List<LinuxDeviceCgroup>? Devices { get; set; }
    public LinuxMemory? Memory { get; set; }
    public LinuxCpu? Cpu { get; set; }
    public LinuxPids? Pids { get; set; }
    [JsonPropertyName("blockIO")] public LinuxBlockIo? BlockIo { get; set; }
    public List<LinuxHugepageLimit>? HugepageLimits { get; set; }
    public LinuxNetwork? Network { get; set; }
    public Dictionary<string, LinuxRdma>? Rdma { get; set; }
    public Dictionary<string, string>? Unified { get; set; }
}

public sealed record LinuxDeviceCgroup
{
    public bool Allow { get; set; }
    public string? Type { get; set; }
    public long? Major { get; set; }
    public long? Minor { get; set; }
    public string? Access { get; set; }
}

public sealed record LinuxMemory
{
    public long? Limit { get; set; }
    public long? Reservation { get; set; }
    public long? Swap { get; set; }
    public long? Kernel { get; set; }
    [JsonPropertyName("kernelTCP")] public long? KernelTcp { get; set; }
    public ulong? Swappiness { get; set; }
    [JsonPropertyName("disableOOMKiller")] public bool? DisableOomKiller { get; set; }
    public bool? UseHierarchy { get; set; }
    public bool? CheckBeforeUpdate { get; set; }
}

public sealed record LinuxCpu
{
    public ulong? Shares { get; set; }
    public long? Quota { get; set; }
    public ulong? Burst { get; set; }
    public ulong? Period { get; set; }
    public long? RealtimeRuntime { get; set; }
    public ulong? RealtimePeriod { get; set; }
    public string? Cpus { get; set; }
    public string? Mems { get; set; }
    public long? Idle { get; set; }
}

public sealed record LinuxPids { public long? Limit { get; set; } }

public sealed record LinuxBlockIo
{
    public ushort? Weight { get; set; }
    public ushort? LeafWeight { get; set; }
    public List<LinuxWeightDevice>? WeightDevice { get; set; }
    public List<LinuxThrottleDevice>? ThrottleReadBpsDevice { get; set; }
    public List<LinuxThrottleDevice>? ThrottleWriteBpsDevice { get; set; }
    [JsonPropertyName("throttleReadIOPSDevice")] public List<LinuxThrottleDevice>? ThrottleReadIopsDevice { get; set; }
    [JsonPropertyName("throttleWriteIOPSDevice")] public List<LinuxThrottleDevice>? ThrottleWriteIopsDevice { get; set; }
}

public sealed record LinuxWeightDevice { public long Major { get; set; } public long Minor { get; set; } public ushort? Weight { get; set; } public ushort? LeafWeight { get; set; } }
public sealed record LinuxThrottleDevice { public long Major { get; set; } public long Minor { get; set; } public ulong Rate { get; set; } }
public sealed record LinuxHugepageLimit { public string PageSize { get; set; } = ""; public ulong Limit { get; set; } }
public sealed record LinuxNetwork { [JsonPropertyName("classID")] public uint? ClassId { get; set; } public List<LinuxInterfacePriority>? Priorities { get; set; } }
public sealed record LinuxInterfacePriority { public string Name { get; set; } = ""; public uint Priority { get; set; } }
public sealed record LinuxRdma { public uint? HcaHandles { get; set; } public uint? HcaObjects { get; set; } }

public sealed record LinuxSeccomp
{
    public string DefaultAction { get; set; } = "";
    public uint? DefaultErrnoRet { get; set; }
    public List<string>? Architectures { get; set; }
    public List<string>? Flags { get; set; }
    public string? ListenerPath { get; set; }
    public string? ListenerMetadata { get; set; }
    public List<LinuxSyscall>? Syscalls { get; set; }
}

public sealed record LinuxSyscall
{
    public List<string> Names { get; set; } = [];
    public string Action { get; set; } = "";
    public uint? ErrnoRet { get; set; }
    public List<LinuxSeccompArg>? Args { get; set; }
}

public sealed record LinuxSeccompArg { public uint Index { get; set; } public ulong Value { get; set; } public ulong? ValueTwo { get; set; } public string Op { get; set; } = ""; }
