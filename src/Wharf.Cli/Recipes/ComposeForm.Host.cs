using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

// What concerns the host rather than the process in the container.
internal static partial class ComposeForm
{
    private static void AddHost(YamlMap service, HostConfig host, HashSet<string> names)
    {
        service.Add("init", host.Init).Add("privileged", host.Privileged).Add("read_only", host.ReadonlyRootfs)
            .Add("cap_add", host.CapAdd).Add("cap_drop", host.CapDrop).Add("group_add", host.GroupAdd)
            .Add("security_opt", Security(host))
            .Add("devices", host.Devices?.ConvertAll(device => $"{device.PathOnHost}:{device.PathInContainer}:{device.CgroupPermissions}")).Add("device_cgroup_rules", host.DeviceCgroupRules)
            .Add("sysctls", Literals(host.Sysctls)).Add("storage_opt", Literals(host.StorageOpt))
            .Add("ipc", OfService(host.IpcMode, names)).Add("pid", OfService(host.PidMode, names)).Add("uts", host.UTSMode).Add("userns_mode", host.UsernsMode)
            .Add("cgroup", host.CgroupnsMode).Add("cgroup_parent", host.CgroupParent).Add("isolation", host.Isolation).Add("runtime", host.Runtime);
        if (host.LogConfig is { } log) service.Put("logging", new YamlMap().Add("driver", log.Type).Add("options", Literals(log.Config)));
    }

    private static List<string> Security(HostConfig host)
    {
        var options = (host.SecurityOpt ?? []).Where(option => !option.StartsWith("seccomp={", StringComparison.Ordinal)).Select(option => Literal(option)!).ToList();
        if (host.MaskedPaths is [] && host.ReadonlyPaths is []) options.Add("systempaths=unconfined");
        return options;
    }

    private static void AddResources(YamlMap service, HostConfig host)
    {
        service.Add("cpus", host.NanoCpus is { } cpus ? cpus / 1_000_000_000m : null).Add("cpu_shares", host.CpuShares).Add("cpu_period", host.CpuPeriod).Add("cpu_quota", host.CpuQuota)
            .Add("cpu_rt_period", host.CpuRealtimePeriod).Add("cpu_rt_runtime", host.CpuRealtimeRuntime).Add("cpuset", host.CpusetCpus)
            .Add("mem_limit", host.Memory).Add("mem_reservation", host.MemoryReservation).Add("memswap_limit", host.MemorySwap).Add("mem_swappiness", host.MemorySwappiness)
            .Add("shm_size", host.ShmSize).Add("oom_kill_disable", host.OomKillDisable).Add("oom_score_adj", host.OomScoreAdj).Add("pids_limit", host.PidsLimit);
        var ulimits = new YamlMap();
        foreach (var limit in host.Ulimits ?? []) ulimits.Put(limit.Name ?? "", new YamlMap().Add("soft", limit.Soft).Add("hard", limit.Hard));
        service.Add("ulimits", ulimits);
        service.Add("blkio_config", new YamlMap().Add("weight", host.BlkioWeight)
            .Add("weight_device", host.BlkioWeightDevice?.ConvertAll(device => new YamlMap().Add("path", device.Path).Add("weight", device.Weight)))
            .Add("device_read_bps", Rates(host.BlkioDeviceReadBps)).Add("device_write_bps", Rates(host.BlkioDeviceWriteBps))
            .Add("device_read_iops", Rates(host.BlkioDeviceReadIOps)).Add("device_write_iops", Rates(host.BlkioDeviceWriteIOps)));

        static List<YamlMap>? Rates(List<ThrottleDevice>? devices) => devices?.ConvertAll(device => new YamlMap().Add("path", device.Path).Add("rate", device.Rate?.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>What a compose file has no word for.</summary>
    private static IEnumerable<string> Notes(ContainerRecipe recipe)
    {
        var host = recipe.Host;
        if (host.PublishAllPorts == true) yield return "--publish-all is left out";
        if (host.AutoRemove == true) yield return "--rm is left out";
        if (host.CpusetMems is not null) yield return "--cpuset-mems is left out";
        if (host.VolumeDriver is not null) yield return "--volume-driver is left out";
        if (host.DeviceRequests is not null) yield return "requests for devices (--gpus) are left out";
        if (host.SecurityOpt?.Any(option => option.StartsWith("seccomp={", StringComparison.Ordinal)) == true) yield return "the seccomp profile is left out: it has to be in a file";
    }
}
