using System.Globalization;
using System.Net;
using Wharf.Engine.Containers.Oci;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>What a host configuration must fulfil before anything is made of it, with docker's messages.</summary>
internal static class HostConfigRules
{
    /// <summary>Names that are this engine's own runtime, unless the configuration gives one of them to another.</summary>
    private static readonly string[] Runtimes = ["", HostConfigDefaults.Runtime, "runc", "io.containerd.runc.v2"];

    /// <summary>Checks <paramref name="host"/>, dropping what the kernel cannot do with a warning. Runs before defaults are filled in.</summary>
    public static void Check(HostConfig host, ContainerConfig config, HostCapacity capacity, List<string> warnings)
    {
        ResourceRules.Check(host, capacity, warnings);
        CheckModes(host, capacity);
        NetworkRules.Check(host, config);
        CheckRestart(host.RestartPolicy, host.AutoRemove ?? false);
        LogRules.Check(host.LogConfig);
        LogRules.CheckPassthrough(host, config);
        CheckProcess(host);
        UnhealthyAction.Of(host, config);
        CgroupFiles.Check(host, capacity);
        NamespaceModes.HasOwnTime(host);
        foreach (var key in (host.Annotations ?? []).Keys)
            if (key.Length == 0) throw WharfException.Invalid("invalid Annotations: the empty string is not permitted as an annotation key");
    }

    public static void CheckRuntime(string? name, IReadOnlyDictionary<string, IReadOnlyList<string>> others)
    {
        if (!IsRuntime(name, others)) throw WharfException.Invalid($"unknown or invalid runtime name: {name}");
    }

    public static bool IsRuntime(string? name, IReadOnlyDictionary<string, IReadOnlyList<string>> others) => Array.IndexOf(Runtimes, name ?? "") >= 0 || others.ContainsKey(name!);

    private static void CheckModes(HostConfig host, HostCapacity capacity)
    {
        RequireMode("PID", host.PidMode, ["", "host"], container: true);
        RequireMode("IPC", host.IpcMode, ["", "none", "private", "shareable", "host"], container: true);
        RequireMode("UTS", host.UTSMode, ["", "host"], container: false);
        RequireMode("cgroup namespace", host.CgroupnsMode, ["", "private", "host"], container: false);
        RequireMode("user namespace", host.UsernsMode, ["", "host"], container: false);
        if (host.Isolation is { Length: > 0 } isolation && !isolation.Equals("default", StringComparison.OrdinalIgnoreCase))
            throw WharfException.Invalid($"invalid isolation ({isolation}): linux only supports 'default'");
        if (host.CgroupParent is { Length: > 0 } parent && parent.Split('/').Contains(".."))
            throw WharfException.Invalid($"invalid cgroup parent: {parent}");
        if (capacity.SystemdCgroup && host.CgroupParent is { Length: > 0 } slice && (slice.Length <= ".slice".Length || !slice.EndsWith(".slice", StringComparison.Ordinal)))
            throw WharfException.Invalid("cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"");
    }

    private static void RequireMode(string what, string? mode, ReadOnlySpan<string> known, bool container)
    {
        if (known.Contains(mode ?? "")) return;
        if (container && mode!.StartsWith("container:", StringComparison.Ordinal) && mode.Length > "container:".Length) return;
        throw WharfException.Invalid($"invalid {what} mode: {mode}");
    }

    public static void CheckRestart(RestartPolicy? policy, bool autoRemove)
    {
        long retries = policy?.MaximumRetryCount ?? 0;
        switch (policy?.Name ?? "")
        {
            case "always" or "unless-stopped" or "no" or "" when retries != 0:
                throw WharfException.Invalid(retries < 0
                    ? "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative"
                    : "invalid restart policy: maximum retry count can only be used with 'on-failure'");
            case "on-failure" when retries < 0:
                throw WharfException.Invalid("invalid restart policy: maximum retry count cannot be negative");
            case "" or "no" or "always" or "unless-stopped" or "on-failure":
                break;
            default:
                throw WharfException.Invalid($"invalid restart policy: unknown policy '{policy!.Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'");
        }
        if (autoRemove && policy?.Name is not (null or "" or "no")) throw WharfException.Invalid("can't create 'AutoRemove' container with restart policy");
    }

    private static void CheckProcess(HostConfig host)
    {
        if (host.OomScoreAdj is < -1000 or > 1000)
            throw WharfException.Invalid($"Invalid value {host.OomScoreAdj}, range for oom score adj is [-1000, 1000]");
        if (host.ShmSize < 0) throw WharfException.Invalid("SHM size can not be less than 0");
        CapabilitySet.Resolve(host.CapAdd, host.CapDrop, host.Privileged ?? false);
        SecurityOptions.Parse(host.SecurityOpt);
        Ulimits.Map(host.Ulimits);
        foreach (var rule in host.DeviceCgroupRules ?? []) DeviceRules.ParseRule(rule);
        bool hostNetwork = host.NetworkMode == "host", hostIpc = host.IpcMode == "host";
        foreach (var (key, value) in host.Sysctls ?? []) SysctlRules.Check(key, value, hostNetwork, hostIpc, host.UTSMode == "host");
        foreach (var target in (host.Tmpfs ?? []).Keys)
        {
            if (!target.StartsWith('/')) throw WharfException.Invalid($"invalid mount path: '{target}' mount path must be absolute");
            if (Path.GetFullPath(target) == "/") throw WharfException.Invalid("invalid specification: destination can't be '/'");
        }
    }
}
