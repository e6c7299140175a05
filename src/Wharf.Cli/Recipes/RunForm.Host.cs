using System.Globalization;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

// What concerns the host rather than the process in the container.
internal sealed partial class RunForm
{
    private void AddHost(HostConfig host)
    {
        AddEach("--volume", host.Binds);
        AddEach("--mount", host.Mounts?.Select(MountText));
        AddEach("--tmpfs", host.Tmpfs?.Select(entry => entry.Value == "" ? entry.Key : $"{entry.Key}:{entry.Value}"));
        AddEach("--volumes-from", host.VolumesFrom);
        Add("--volume-driver", host.VolumeDriver);
        AddEach("--dns", host.Dns);
        AddEach("--dns-option", host.DnsOptions);
        AddEach("--dns-search", host.DnsSearch);
        AddEach("--add-host", host.ExtraHosts);
        if (host.RestartPolicy is { } policy) Add("--restart", policy.MaximumRetryCount is > 0 and var most ? string.Create(CultureInfo.InvariantCulture, $"{policy.Name}:{most}") : policy.Name);
        if (host.AutoRemove == true) Add("--rm");
        if (host.Init is { } init) flags.Add([init ? "--init" : "--init=false"]);
        if (host.Privileged == true) Add("--privileged");
        if (host.ReadonlyRootfs == true) Add("--read-only");
        AddEach("--cap-add", host.CapAdd);
        AddEach("--cap-drop", host.CapDrop);
        AddEach("--group-add", host.GroupAdd);
        AddSecurity(host);
        AddEach("--device", host.Devices?.Select(DeviceText));
        AddEach("--device-cgroup-rule", host.DeviceCgroupRules);
        foreach (var request in host.DeviceRequests ?? [])
        {
            if (request.Driver == "cdi") AddEach("--device", request.DeviceIDs);
            else notes.Add("a request for devices (--gpus) is left out");
        }
        AddEach("--sysctl", host.Sysctls?.Select(Pair));
        AddEach("--storage-opt", host.StorageOpt?.Select(Pair));
        Add("--ipc", host.IpcMode);
        Add("--pid", host.PidMode);
        Add("--uts", host.UTSMode);
        Add("--userns", host.UsernsMode);
        Add("--cgroupns", host.CgroupnsMode);
        Add("--cgroup-parent", host.CgroupParent);
        Add("--isolation", host.Isolation);
        Add("--runtime", host.Runtime);
        if (host.LogConfig is { } log)
        {
            Add("--log-driver", log.Type);
            AddEach("--log-opt", log.Config?.Select(Pair));
        }
    }

    private void AddSecurity(HostConfig host)
    {
        foreach (var option in host.SecurityOpt ?? [])
        {
            // The profile itself is kept, not the file it came from, which is what the flag wants.
            if (option.StartsWith("seccomp={", StringComparison.Ordinal)) notes.Add("the seccomp profile is left out: --security-opt wants it in a file");
            else Add("--security-opt", option);
        }
        if (host.MaskedPaths is [] && host.ReadonlyPaths is []) Add("--security-opt", "systempaths=unconfined");
    }

    private void AddResources(HostConfig host)
    {
        if (host.NanoCpus is { } cpus) Add("--cpus", (cpus / 1_000_000_000m).ToString("0.#########", CultureInfo.InvariantCulture));
        Add("--cpu-shares", host.CpuShares);
        Add("--cpu-period", host.CpuPeriod);
        Add("--cpu-quota", host.CpuQuota);
        Add("--cpu-rt-period", host.CpuRealtimePeriod);
        Add("--cpu-rt-runtime", host.CpuRealtimeRuntime);
        Add("--cpuset-cpus", host.CpusetCpus);
        Add("--cpuset-mems", host.CpusetMems);
        AddBytes("--memory", host.Memory);
        AddBytes("--memory-reservation", host.MemoryReservation);
        AddBytes("--memory-swap", host.MemorySwap);
        Add("--memory-swappiness", host.MemorySwappiness);
        AddBytes("--shm-size", host.ShmSize);
        if (host.OomKillDisable == true) Add("--oom-kill-disable");
        Add("--oom-score-adj", host.OomScoreAdj);
        Add("--pids-limit", host.PidsLimit);
        AddEach("--ulimit", host.Ulimits?.Select(limit => string.Create(CultureInfo.InvariantCulture, $"{limit.Name}={limit.Soft}:{limit.Hard}")));
        Add("--blkio-weight", host.BlkioWeight);
        AddEach("--blkio-weight-device", host.BlkioWeightDevice?.Select(device => string.Create(CultureInfo.InvariantCulture, $"{device.Path}:{device.Weight}")));
        AddEach("--device-read-bps", host.BlkioDeviceReadBps?.Select(RateText));
        AddEach("--device-write-bps", host.BlkioDeviceWriteBps?.Select(RateText));
        AddEach("--device-read-iops", host.BlkioDeviceReadIOps?.Select(RateText));
        AddEach("--device-write-iops", host.BlkioDeviceWriteIOps?.Select(RateText));
    }

    private void AddBytes(string flag, long? bytes)
    {
        if (bytes is { } number) Add(flag, BytesText(number));
    }

    /// <summary>In the largest unit that tells it exactly.</summary>
    internal static string BytesText(long bytes)
    {
        foreach (var (unit, size) in new[] { ("g", 1L << 30), ("m", 1L << 20), ("k", 1L << 10) })
            if (bytes > 0 && bytes % size == 0) return string.Create(CultureInfo.InvariantCulture, $"{bytes / size}{unit}");
        return bytes.ToString(CultureInfo.InvariantCulture);
    }

    internal static string DeviceText(DeviceMapping device) =>
        device.PathInContainer == device.PathOnHost && device.CgroupPermissions == "rwm" ? device.PathOnHost ?? "" : device.CgroupPermissions == "rwm" ? $"{device.PathOnHost}:{device.PathInContainer}" : $"{device.PathOnHost}:{device.PathInContainer}:{device.CgroupPermissions}";

    internal static string RateText(ThrottleDevice device) => string.Create(CultureInfo.InvariantCulture, $"{device.Path}:{device.Rate}");

    private static string MountText(Mount mount)
    {
        var fields = new List<string> { $"type={mount.Type}" };
        if (mount.Source is { Length: > 0 } source) fields.Add($"source={source}");
        fields.Add($"target={mount.Target}");
        if (mount.ReadOnly == true) fields.Add("readonly");
        if (mount.Consistency is { Length: > 0 } consistency) fields.Add($"consistency={consistency}");
        if (mount.BindOptions is { } bind)
        {
            if (bind.Propagation is { Length: > 0 } propagation) fields.Add($"bind-propagation={propagation}");
            if (bind.NonRecursive == true) fields.Add("bind-recursive=disabled");
            if (bind.ReadOnlyNonRecursive == true) fields.Add("bind-recursive=writable");
            if (bind.ReadOnlyForceRecursive == true) fields.Add("bind-recursive=readonly");
            if (bind.CreateMountpoint == true) fields.Add("bind-create-src");
        }
        if (mount.VolumeOptions is { } volume)
        {
            if (volume.NoCopy == true) fields.Add("volume-nocopy");
            if (volume.Subpath is { Length: > 0 } subpath) fields.Add($"volume-subpath={subpath}");
            foreach (var label in volume.Labels ?? []) fields.Add($"volume-label={Pair(label)}");
            if (volume.DriverConfig?.Name is { Length: > 0 } driver) fields.Add($"volume-driver={driver}");
            foreach (var option in volume.DriverConfig?.Options ?? []) fields.Add($"volume-opt={Pair(option)}");
        }
        if (mount.ImageOptions?.Subpath is { Length: > 0 } inImage) fields.Add($"image-subpath={inImage}");
        if (mount.ArtifactOptions?.Digest is { Length: > 0 } digest) fields.Add($"digest={digest}");
        if (mount.ArtifactOptions?.Title is { Length: > 0 } title) fields.Add($"title={title}");
        if (mount.ArtifactOptions?.Name is { Length: > 0 } name) fields.Add($"name={name}");
        if (mount.TmpfsOptions?.SizeBytes is { } size) fields.Add(string.Create(CultureInfo.InvariantCulture, $"tmpfs-size={size}"));
        if (mount.TmpfsOptions?.Mode is { } mode) fields.Add($"tmpfs-mode={Convert.ToString(mode, 8)}");
        return Csv(fields);
    }
}
