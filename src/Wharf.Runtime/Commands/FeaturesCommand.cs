using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Init;
using Wharf.Runtime.Rootfs;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary>The document of features.md: what this runtime can do, whatever the kernel.</summary>
internal sealed record Features
{
    public string OciVersionMin { get; set; } = "1.0.0";
    public string OciVersionMax { get; set; } = new Spec().OciVersion;
    public List<string> Hooks { get; set; } = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
    public List<string> MountOptions { get; set; } = [];
    public LinuxFeatures Linux { get; set; } = new();
    public Dictionary<string, string> Annotations { get; set; } = [];
    public List<string> PotentiallyUnsafeConfigAnnotations { get; set; } = ["org.systemd.property.", "org.criu.config"];
}

internal sealed record LinuxFeatures
{
    public List<string> Namespaces { get; set; } = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];
    public List<string> Capabilities { get; set; } = [.. CapabilitySets.KnownNames];
    public CgroupFeatures Cgroup { get; set; } = new();
    public SeccompFeatures Seccomp { get; set; } = new();
    public Enabled Apparmor { get; set; } = new(true);
    public Enabled Selinux { get; set; } = new(true);
    public IntelRdtFeatures IntelRdt { get; set; } = new();
    public MountExtensions MountExtensions { get; set; } = new();
    public Enabled NetDevices { get; set; } = new(true);
}

internal sealed record CgroupFeatures { public bool V1 { get; set; } = true; public bool V2 { get; set; } = true; public bool Systemd { get; set; } = true; public bool SystemdUser { get; set; } public bool Rdma { get; set; } = true; }
internal sealed record Enabled([property: JsonPropertyName("enabled")] bool Is);
internal sealed record IntelRdtFeatures { public bool Enabled { get; set; } = true; public bool Schemata { get; set; } = true; }
internal sealed record MountExtensions { public Enabled Idmap { get; set; } = new(true); }

internal sealed record SeccompFeatures
{
    public bool Enabled { get; set; } = true;
    public List<string> Actions { get; set; } = ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"];
    public List<string> Operators { get; set; } = ["SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"];
    public List<string> Archs { get; set; } = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"];
    public List<string> KnownFlags { get; set; } = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
    public List<string> SupportedFlags { get; set; } = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, IndentSize = 4)]
[JsonSerializable(typeof(Features))]
internal sealed partial class FeaturesJson : JsonSerializerContext;

/// <summary><c>features</c>.</summary>
internal sealed class FeaturesCommand : RuntimeCommand
{
    public override string Name => "features";
    public override string Summary => "show the enabled features";
    public override string Usage => "";
    public override (int Least, int Most) Count => (0, 0);

    public override int Run(Context context, Arguments arguments)
    {
        var features = new Features { MountOptions = [.. MountOptions.Known], Annotations = { ["org.opencontainers.runc.checkpoint.enabled"] = "true" } };
        Streams.Out(JsonSerializer.Serialize(features, FeaturesJson.Default.Features) + "\n");
        return 0;
    }
}
