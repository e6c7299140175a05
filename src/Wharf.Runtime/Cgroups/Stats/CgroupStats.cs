using System.Text.Json.Serialization;

namespace Wharf.Runtime.Cgroups.Stats;

// What runc prints with `events --stats`, field by field (its types/events.go): numbers that are zero are left out where runc leaves them out.

/// <summary>What a container uses. Bytes and nanoseconds.</summary>
public sealed record CgroupStats
{
    [JsonPropertyName("cpu")] public CpuStats Cpu { get; init; } = new();
    [JsonPropertyName("cpuset")] public CpusetStats Cpuset { get; init; } = new();
    [JsonPropertyName("memory")] public MemoryStats Memory { get; init; } = new();
    [JsonPropertyName("pids")] public PidsStats Pids { get; init; } = new();
    [JsonPropertyName("blkio")] public BlkioStats Blkio { get; init; } = new();
    [JsonPropertyName("hugetlb")] public Dictionary<string, HugetlbStats> Hugetlb { get; init; } = [];
    [JsonPropertyName("intel_rdt")] public IntelRdtStats IntelRdt { get; init; } = new();
    [JsonPropertyName("network_interfaces"), JsonIgnore(Condition = JsonIgnoreCondition.Never)] public List<string>? NetworkInterfaces { get; init; }
}

public sealed record CpuStats
{
    [JsonPropertyName("usage")] public CpuUsage Usage { get; init; } = new();
    [JsonPropertyName("throttling")] public Throttling Throttling { get; init; } = new();
    [JsonPropertyName("psi")] public PressureStats? Psi { get; init; }
}

public sealed record CpuUsage
{
    [JsonPropertyName("total"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Total { get; init; }
    [JsonPropertyName("percpu")] public List<ulong>? PerCpu { get; init; }
    [JsonPropertyName("percpu_kernel")] public List<ulong>? PerCpuKernel { get; init; }
    [JsonPropertyName("percpu_user")] public List<ulong>? PerCpuUser { get; init; }
    [JsonPropertyName("kernel")] public ulong Kernel { get; init; }
    [JsonPropertyName("user")] public ulong User { get; init; }
}

public sealed record Throttling
{
    [JsonPropertyName("periods"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Periods { get; init; }
    [JsonPropertyName("throttledPeriods"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong ThrottledPeriods { get; init; }
    [JsonPropertyName("throttledTime"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong ThrottledTime { get; init; }
}

/// <summary>The files of a v1 cpuset; zeros on v2, which has no such flags.</summary>
public sealed record CpusetStats
{
    [JsonPropertyName("cpus")] public List<int>? Cpus { get; init; }
    [JsonPropertyName("cpu_exclusive")] public ulong CpuExclusive { get; init; }
    [JsonPropertyName("mems")] public List<int>? Mems { get; init; }
    [JsonPropertyName("mem_hardwall")] public ulong MemHardwall { get; init; }
    [JsonPropertyName("mem_exclusive")] public ulong MemExclusive { get; init; }
    [JsonPropertyName("memory_migrate")] public ulong MemoryMigrate { get; init; }
    [JsonPropertyName("memory_spread_page")] public ulong MemorySpreadPage { get; init; }
    [JsonPropertyName("memory_spread_slab")] public ulong MemorySpreadSlab { get; init; }
    [JsonPropertyName("memory_pressure")] public ulong MemoryPressure { get; init; }
    [JsonPropertyName("sched_load_balance")] public ulong SchedLoadBalance { get; init; }
    [JsonPropertyName("sched_relax_domain_level")] public long SchedRelaxDomainLevel { get; init; }
}

public sealed record MemoryStats
{
    [JsonPropertyName("cache"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Cache { get; init; }
    [JsonPropertyName("usage")] public MemoryEntry Usage { get; init; } = new();
    [JsonPropertyName("swap")] public MemoryEntry Swap { get; init; } = new();
    [JsonPropertyName("kernel")] public MemoryEntry Kernel { get; init; } = new();
    [JsonPropertyName("kernelTCP")] public MemoryEntry KernelTcp { get; init; } = new();
    [JsonPropertyName("raw")] public Dictionary<string, ulong>? Raw { get; init; }
    [JsonPropertyName("psi")] public PressureStats? Psi { get; init; }
}

public sealed record MemoryEntry
{
    [JsonPropertyName("limit")] public ulong Limit { get; init; }
    [JsonPropertyName("usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Usage { get; init; }
    [JsonPropertyName("max"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Max { get; init; }
    [JsonPropertyName("failcnt")] public ulong FailCount { get; init; }
}

public sealed record PidsStats
{
    [JsonPropertyName("current"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Current { get; init; }
    [JsonPropertyName("limit"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Limit { get; init; }
}

public sealed record BlkioStats
{
    [JsonPropertyName("ioServiceBytesRecursive")] public List<BlkioEntry>? IoServiceBytesRecursive { get; init; }
    [JsonPropertyName("ioServicedRecursive")] public List<BlkioEntry>? IoServicedRecursive { get; init; }
    [JsonPropertyName("ioQueueRecursive")] public List<BlkioEntry>? IoQueueRecursive { get; init; }
    [JsonPropertyName("ioServiceTimeRecursive")] public List<BlkioEntry>? IoServiceTimeRecursive { get; init; }
    [JsonPropertyName("ioWaitTimeRecursive")] public List<BlkioEntry>? IoWaitTimeRecursive { get; init; }
    [JsonPropertyName("ioMergedRecursive")] public List<BlkioEntry>? IoMergedRecursive { get; init; }
    [JsonPropertyName("ioTimeRecursive")] public List<BlkioEntry>? IoTimeRecursive { get; init; }
    [JsonPropertyName("sectorsRecursive")] public List<BlkioEntry>? SectorsRecursive { get; init; }
    [JsonPropertyName("psi")] public PressureStats? Psi { get; init; }
}

public sealed record BlkioEntry
{
    [JsonPropertyName("major"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Major { get; init; }
    [JsonPropertyName("minor"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Minor { get; init; }
    [JsonPropertyName("op")] public string? Op { get; init; }
    [JsonPropertyName("value"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Value { get; init; }
}

public sealed record HugetlbStats
{
    [JsonPropertyName("usage"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Usage { get; init; }
    [JsonPropertyName("max"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public ulong Max { get; init; }
    [JsonPropertyName("failcnt")] public ulong FailCount { get; init; }
}

/// <summary>Intel RDT is not supported; the object is there, empty, because readers expect it.</summary>
public sealed record IntelRdtStats;

/// <summary>Pressure stall information (Documentation/accounting/psi.rst): percentages, and microseconds in all.</summary>
public sealed record PressureStats
{
    [JsonPropertyName("some")] public Pressure Some { get; init; } = new();
    [JsonPropertyName("full")] public Pressure Full { get; init; } = new();
}

public sealed record Pressure
{
    [JsonPropertyName("avg10")] public double Average10 { get; init; }
    [JsonPropertyName("avg60")] public double Average60 { get; init; }
    [JsonPropertyName("avg300")] public double Average300 { get; init; }
    [JsonPropertyName("total")] public ulong Total { get; init; }
}

/// <summary>One line of <c>events</c>: type <c>stats</c>, with data, or <c>oom</c>, without.</summary>
public sealed record RuntimeEvent
{
    [JsonPropertyName("type")] public required string Type { get; init; }
    [JsonPropertyName("id")] public required string Id { get; init; }
    [JsonPropertyName("data")] public CgroupStats? Data { get; init; }
}

/// <summary>JSON of runc's events. Text is escaped as little as Go does.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Default, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RuntimeEvent))]
public sealed partial class StatsJson : JsonSerializerContext;
