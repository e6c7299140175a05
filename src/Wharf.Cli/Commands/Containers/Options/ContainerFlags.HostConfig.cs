using Wharf.Cli.CommandLine;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

// What concerns the host rather than the process in the container.
internal sealed partial class ContainerFlags
{
    private HostConfig BuildHostConfig(List<string> binds, Dictionary<string, List<PortBinding>?> bindings)
    {
        if (memorySwappiness.Value is < -1 or > 100) throw new CliException($"invalid value: {memorySwappiness.Value}. Valid memory swappiness range is 0-100", 125);
        var (security, isUnconfined) = SecurityOptions.Build(securityOpt.Values);
        var devices = device.Values.Where(text => !DeviceSpec.IsCdi(text)).Select(DeviceSpec.Parse).ToList();
        var mode = network.Values.Count == 0 ? "default" : NetworkSpec.Parse(network.Values[0]).Target;
        var config = new HostConfig
        {
            Binds = OrNull(binds),
            ContainerIDFile = cidFile.Value,
            OomScoreAdj = oomScoreAdj.Value,
            AutoRemove = autoRemove,
            Privileged = privileged,
            PortBindings = bindings,
            Links = OrNull(link.Values),
            PublishAllPorts = publishAll,
            Dns = dns.Values,
            DnsSearch = dnsSearch.Values,
            DnsOptions = dnsOption.Values,
            ExtraHosts = OrNull(addHost.Values),
            VolumesFrom = OrNull(volumesFrom.Values),
            VolumeDriver = volumeDriver.Value,
            NetworkMode = mode,
            IpcMode = ipc.Value,
            PidMode = CheckMode(pid, "PID", "host"),
            UTSMode = CheckMode(uts, "UTS", "host"),
            UsernsMode = CheckMode(userNs, "USER", "host"),
            CgroupnsMode = CheckMode(cgroupNs, "CGROUP", "host", "private"),
            CapAdd = OrNull(capAdd.Values),
            CapDrop = OrNull(capDrop.Values),
            GroupAdd = OrNull(groupAdd.Values),
            RestartPolicy = RestartSpec.Parse(restart.Value),
            SecurityOpt = security,
            StorageOpt = BuildStorageOptions(),
            ReadonlyRootfs = readOnly,
            LogConfig = logDriver.Value == "none" && logOpt.Values.Count > 0 ? throw new CliException("invalid logging opts for driver none", 125) : new HostConfigLogConfig { Type = logDriver.Value, Config = KeyValue.ToMap(logOpt.Values) },
            ShmSize = shmSize.Value,
            Isolation = isolation.Value,
            Runtime = runtime.Changed ? runtime.Value : null,
            Tmpfs = tmpfs.Values.Count == 0 ? null : tmpfs.Values.Select(text => text.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts.Length == 2 ? parts[1] : ""),
            Sysctls = sysctl.Values.Count == 0 ? null : KeyValue.ToMap(sysctl.Values),
            Mounts = mount.Values.Count == 0 ? null : [.. mount.Values.Select(MountSpec.Parse)],
            Annotations = BuildAnnotations(),
            Init = init.Changed ? init.Value : null,
            ConsoleSize = tty && Terminal.Size(1) is { } size ? [size.Rows, size.Columns] : [0, 0],
            MaskedPaths = isUnconfined ? [] : null,
            ReadonlyPaths = isUnconfined ? [] : null,
            Devices = devices,
            DeviceRequests = BuildDeviceRequests(),
            DeviceCgroupRules = OrNull(deviceCgroupRule.Values),
        };
        AddResources(config);
        return config;
    }

    private void AddResources(HostConfig config)
    {
        config.CgroupParent = cgroupParent.Value;
        config.Memory = memory.Value;
        config.MemoryReservation = memoryReservation.Value;
        config.MemorySwap = memorySwap.Value;
        config.MemorySwappiness = memorySwappiness.Value;
        config.OomKillDisable = oomKillDisable.Value;
        config.NanoCpus = cpus.NanoCpus;
        config.CpuCount = cpuCount.Value;
        config.CpuPercent = cpuPercent.Value;
        config.CpuShares = cpuShares.Value;
        config.CpuPeriod = cpuPeriod.Value;
        config.CpuQuota = cpuQuota.Value;
        config.CpuRealtimePeriod = cpuRtPeriod.Value;
        config.CpuRealtimeRuntime = cpuRtRuntime.Value;
        config.CpusetCpus = cpusetCpus.Value;
        config.CpusetMems = cpusetMems.Value;
        config.PidsLimit = pidsLimit.Changed ? pidsLimit.Value : null;
        config.BlkioWeight = blkioWeight.Value;
        config.BlkioWeightDevice = blockDevices.Weights;
        config.BlkioDeviceReadBps = blockDevices.ReadBps;
        config.BlkioDeviceWriteBps = blockDevices.WriteBps;
        config.BlkioDeviceReadIOps = blockDevices.ReadIops;
        config.BlkioDeviceWriteIOps = blockDevices.WriteIops;
        config.IOMaximumIOps = ioMaxIops.Value;
        config.IOMaximumBandwidth = ioMaxBandwidth.Value;
        config.Ulimits = [.. ulimit.Values.Select(UlimitSpec.Parse)];
    }

    private static List<string>? OrNull(List<string> list) => list.Count == 0 ? null : list;

    /// <summary>A namespace is the container's own, the host's, or for some that of another container.</summary>
    private static string CheckMode(StringFlag flag, string what, params ReadOnlySpan<string> known)
    {
        var isContainer = what == "PID" && flag.Value.StartsWith("container:", StringComparison.Ordinal) && flag.Value.Length > "container:".Length;
        return flag.Value == "" || isContainer || known.Contains(flag.Value) ? flag.Value : throw new CliException($"--{flag.Name}: invalid {what} mode", 125);
    }

    private Dictionary<string, string>? BuildStorageOptions()
    {
        if (storageOpt.Values.Count == 0) return null;
        if (storageOpt.Values.Any(option => !option.Contains('='))) throw new CliException("invalid storage option", 125);
        return KeyValue.ToMap(storageOpt.Values);
    }

    private List<DeviceRequest>? BuildDeviceRequests()
    {
        var requests = gpus.Values.Select(GpuSpec.Parse).ToList();
        var cdi = device.Values.Where(DeviceSpec.IsCdi).ToList();
        if (cdi.Count > 0) requests.Add(new DeviceRequest { Driver = "cdi", DeviceIDs = cdi });
        return requests.Count == 0 ? null : requests;
    }
}
