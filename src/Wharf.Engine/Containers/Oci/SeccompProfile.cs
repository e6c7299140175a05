using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Oci;

/// <summary>
/// A seccomp profile in docker's form: rules that hold only with certain capabilities, on certain processors or from a kernel
/// version on. <see cref="Evaluate"/> decides those and leaves what the OCI runtime understands.
/// </summary>
internal sealed record SeccompProfile
{
    public string DefaultAction { get; init; } = "SCMP_ACT_ERRNO";
    public uint? DefaultErrnoRet { get; init; }
    public List<string>? Architectures { get; init; }
    public List<SeccompArchMap>? ArchMap { get; init; }
    public List<string>? Flags { get; init; }
    public List<SeccompRule>? Syscalls { get; init; }

    private static readonly Lazy<SeccompProfile> BuiltIn = new(ReadBuiltIn);
    /// <summary>The built-in profile for the default capabilities: what nearly every container gets.</summary>
    private static readonly Lazy<LinuxSeccomp> BuiltInForDefault = new(() => BuiltIn.Value.Evaluate(CapabilitySet.Default, SeccompHost.Current));

    /// <summary>The built-in profile evaluated for a set of capabilities.</summary>
    public static LinuxSeccomp Default(IReadOnlyList<string> capabilities) =>
        ReferenceEquals(capabilities, CapabilitySet.Default) ? BuiltInForDefault.Value : BuiltIn.Value.Evaluate(capabilities, SeccompHost.Current);

    public LinuxSeccomp Evaluate(IReadOnlyList<string> capabilities, SeccompHost host)
    {
        var architectures = ArchMap?.Find(map => map.Architecture == host.SeccompArchitecture) is { } native
            ? [native.Architecture!, .. native.SubArchitectures ?? []]
            : Architectures;
        var calls = new List<LinuxSyscall>();
        foreach (var rule in Syscalls ?? [])
        {
            if (rule.Excludes is { } excludes && excludes.MatchesAny(capabilities, host)) continue;
            if (rule.Includes is { } includes && !includes.MatchesAll(capabilities, host)) continue;
            calls.Add(new LinuxSyscall
            {
                Names = rule.Names ?? (rule.Name is null ? [] : [rule.Name]),
                Action = rule.Action ?? "",
                ErrnoRet = rule.ErrnoRet,
                Args = rule.Args is { Count: > 0 } ? rule.Args : null,
            });
        }
        return new LinuxSeccomp { DefaultAction = DefaultAction, DefaultErrnoRet = DefaultErrnoRet, Architectures = architectures, Flags = Flags, Syscalls = calls };
    }

    private static SeccompProfile ReadBuiltIn()
    {
        using var stream = typeof(SeccompProfile).Assembly.GetManifestResourceStream("seccomp-default.json")
            ?? throw new InvalidOperationException("the built-in seccomp profile is missing from this build");
        return JsonSerializer.Deserialize(stream, SeccompProfileJson.Default.SeccompProfile)!;
    }
}

internal sealed record SeccompArchMap
{
    public string? Architecture { get; init; }
    public List<string>? SubArchitectures { get; init; }
}

internal sealed record SeccompRule
{
    public string? Name { get; init; }
    public List<string>? Names { get; init; }
    public string? Action { get; init; }
    public uint? ErrnoRet { get; init; }
    public List<LinuxSeccompArg>? Args { get; init; }
    public string? Comment { get; init; }
    public SeccompCondition? Includes { get; init; }
    public SeccompCondition? Excludes { get; init; }
}

/// <summary>When a rule holds: processor, capabilities, kernel. An empty part asks for nothing.</summary>
internal sealed record SeccompCondition
{
    public List<string>? Arches { get; init; }
    public List<string>? Caps { get; init; }
    public string? MinKernel { get; init; }

    /// <summary>As an inclusion: every part must hold; of processors one, of capabilities each.</summary>
    public bool MatchesAll(IReadOnlyList<string> capabilities, SeccompHost host) =>
        (Arches is not { Count: > 0 } || Arches.Contains(host.Architecture)) &&
        (Caps ?? []).All(capabilities.Contains) &&
        (MinKernel is null || host.IsAtLeast(MinKernel));

    /// <summary>As an exclusion: one part that holds is enough.</summary>
    public bool MatchesAny(IReadOnlyList<string> capabilities, SeccompHost host) =>
        (Arches ?? []).Contains(host.Architecture) || (Caps ?? []).Any(capabilities.Contains) || (MinKernel is not null && host.IsAtLeast(MinKernel));
}

/// <summary>The processor and kernel that conditions are held against. Names as Go has them, and as libseccomp has them.</summary>
internal sealed record SeccompHost(string Architecture, string SeccompArchitecture, Version Kernel)
{
    public static SeccompHost Current { get; } = RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64
        ? new SeccompHost("arm64", "SCMP_ARCH_AARCH64", Environment.OSVersion.Version)
        : new SeccompHost("amd64", "SCMP_ARCH_X86_64", Environment.OSVersion.Version);

    public bool IsAtLeast(string version) => Version.TryParse(version, out var wanted) && (Kernel.Major, Kernel.Minor).CompareTo((wanted.Major, wanted.Minor)) >= 0;
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNameCaseInsensitive = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, MaxDepth = 16)]
[JsonSerializable(typeof(SeccompProfile))]
internal sealed partial class SeccompProfileJson : JsonSerializerContext;
