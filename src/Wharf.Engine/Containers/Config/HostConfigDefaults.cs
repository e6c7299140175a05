using Wharf.Specs.DockerApi;

namespace Wharf.Engine.Containers.Config;

/// <summary>A host configuration with every default written out, as docker's inspect shows it.</summary>
internal static class HostConfigDefaults
{
    public const long ShmSize = 64L << 20;
    public const string Runtime = "wharf";

    public static readonly string[] MaskedPaths =
    [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
        "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ];

    public static readonly string[] ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    /// <summary>What the network mode "default" stands for.</summary>
    public static string NetworkMode(DaemonOptions options) => options.NoDefaultBridge ? "none" : "bridge";

    public static HostConfig Apply(HostConfig? given, bool cgroupV2, DaemonOptions? options = null)
    {
        options ??= new DaemonOptions();
        var defaults = options.ContainerDefaults;
        var host = given ?? new HostConfig();
        bool privileged = host.Privileged ?? false;
        var result = host with
        {
            ContainerIDFile = host.ContainerIDFile ?? "",
            LogConfig = new HostConfigLogConfig { Type = NotEmpty(host.LogConfig?.Type, LogRules.Default), Config = host.LogConfig?.Config ?? [] },
            NetworkMode = host.NetworkMode is null or "" or "default" ? NetworkMode(options) : host.NetworkMode,
            RestartPolicy = new RestartPolicy { Name = NotEmpty(host.RestartPolicy?.Name, "no"), MaximumRetryCount = host.RestartPolicy?.MaximumRetryCount ?? 0 },
            AutoRemove = host.AutoRemove ?? false,
            VolumeDriver = host.VolumeDriver ?? "",
            ConsoleSize = host.ConsoleSize is { } size ? [size.ElementAtOrDefault(0), size.ElementAtOrDefault(1)] : [0, 0],
            CgroupnsMode = NotEmpty(host.CgroupnsMode, defaults.CgroupnsMode ?? (cgroupV2 && !privileged ? "private" : "host")),
            IpcMode = NotEmpty(host.IpcMode, defaults.IpcMode),
            Cgroup = host.Cgroup ?? "",
            // Docker shows no empty ones of these.
            Annotations = host.Annotations is { Count: > 0 } ? host.Annotations : null,
            StorageOpt = host.StorageOpt is { Count: > 0 } ? host.StorageOpt : null,
            Tmpfs = host.Tmpfs is { Count: > 0 } ? host.Tmpfs : null,
            Sysctls = host.Sysctls is { Count: > 0 } ? host.Sysctls : null,
            Links = host.Links is { Count: > 0 } ? host.Links : null,
            Devices = host.Devices?.ConvertAll(device => device with { PathOnHost = device.PathOnHost ?? "", PathInContainer = device.PathInContainer ?? "", CgroupPermissions = device.CgroupPermissions ?? "" }),
            DeviceRequests = host.DeviceRequests?.ConvertAll(request => request with { Driver = request.Driver ?? "", Count = request.Count ?? 0 }),
            BlkioDeviceReadBps = Whole(host.BlkioDeviceReadBps),
            BlkioDeviceWriteBps = Whole(host.BlkioDeviceWriteBps),
            BlkioDeviceReadIOps = Whole(host.BlkioDeviceReadIOps),
            BlkioDeviceWriteIOps = Whole(host.BlkioDeviceWriteIOps),
            Mounts = host.Mounts is { Count: > 0 } ? host.Mounts : null,
            OomScoreAdj = host.OomScoreAdj ?? 0,
            PidMode = host.PidMode ?? "",
            Privileged = privileged,
            PublishAllPorts = host.PublishAllPorts ?? false,
            ReadonlyRootfs = host.ReadonlyRootfs ?? false,
            UTSMode = host.UTSMode ?? "",
            UsernsMode = host.UsernsMode ?? "",
            ShmSize = host.ShmSize is null or 0 ? options.DefaultShmSize : host.ShmSize,
            Runtime = NotEmpty(host.Runtime, options.DefaultRuntime),
            Isolation = host.Isolation ?? "",
            MaskedPaths = host.MaskedPaths ?? (privileged ? null : [.. MaskedPaths]),
            ReadonlyPaths = host.ReadonlyPaths ?? (privileged ? null : [.. ReadonlyPaths]),
        };
        if (result.SecurityOpt is not { Count: > 0 } && (privileged || result.IpcMode == "host" || result.PidMode == "host"))
            result.SecurityOpt = ["label=disable"];
        ApplyResources(result, cgroupV2);
        return result;
    }

    private static List<ThrottleDevice>? Whole(List<ThrottleDevice>? devices) => devices?.ConvertAll(device => device with { Path = device.Path ?? "", Rate = device.Rate ?? 0 });

    private static void ApplyResources(HostConfig host, bool cgroupV2)
    {
        host.CpuShares ??= 0;
        host.Memory ??= 0;
        host.NanoCpus ??= 0;
        host.CgroupParent ??= "";
        host.BlkioWeight ??= 0;
        host.CpuPeriod ??= 0;
        host.CpuQuota ??= 0;
        host.CpuRealtimePeriod ??= 0;
        host.CpuRealtimeRuntime ??= 0;
        host.CpusetCpus ??= "";
        host.CpusetMems ??= "";
        host.MemoryReservation ??= 0;
        host.MemorySwap ??= 0;
        host.CpuCount ??= 0;
        host.CpuPercent ??= 0;
        host.IOMaximumIOps ??= 0;
        host.IOMaximumBandwidth ??= 0;
        // Older clients write -1 for "not set".
        if (host.MemorySwappiness == -1) host.MemorySwappiness = null;
        if (host.PidsLimit <= 0) host.PidsLimit = null;
        if (host.OomKillDisable is null && !cgroupV2) host.OomKillDisable = false;
        // A memory limit without a word on swap allows as much swap again.
        if (host.Memory > 0 && host.MemorySwap == 0) host.MemorySwap = host.Memory * 2;
    }

    private static string NotEmpty(string? text, string otherwise) => string.IsNullOrEmpty(text) ? otherwise : text;
}
