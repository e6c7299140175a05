using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Recipes;

/// <summary>The host's side of a recipe: a host configuration with every default taken out again.</summary>
internal static class RecipeHost
{
    private const long DefaultShmSize = 64 << 20;

    public static HostConfig Of(ContainerInspectResponse container, DaemonDefaults defaults)
    {
        var host = container.HostConfig ?? new HostConfig();
        bool isPrivileged = host.Privileged == true;
        return host with
        {
            // The file is the client's, and there already.
            ContainerIDFile = null,
            ConsoleSize = null,
            Binds = OrNull(host.Binds), Mounts = OrNull(host.Mounts), VolumesFrom = OrNull(host.VolumesFrom), Links = OrNull(host.Links?.ConvertAll(LinkAsAsked)),
            CapAdd = OrNull(host.CapAdd), CapDrop = OrNull(host.CapDrop), GroupAdd = OrNull(host.GroupAdd), ExtraHosts = OrNull(host.ExtraHosts),
            Dns = OrNull(host.Dns), DnsOptions = OrNull(host.DnsOptions), DnsSearch = OrNull(host.DnsSearch),
            Devices = OrNull(host.Devices), DeviceRequests = OrNull(host.DeviceRequests), DeviceCgroupRules = OrNull(host.DeviceCgroupRules), Ulimits = OrNull(host.Ulimits),
            BlkioWeightDevice = OrNull(host.BlkioWeightDevice), BlkioDeviceReadBps = OrNull(host.BlkioDeviceReadBps), BlkioDeviceWriteBps = OrNull(host.BlkioDeviceWriteBps),
            BlkioDeviceReadIOps = OrNull(host.BlkioDeviceReadIOps), BlkioDeviceWriteIOps = OrNull(host.BlkioDeviceWriteIOps),
            PortBindings = host.PortBindings is { Count: > 0 } ? host.PortBindings : null,
            LogConfig = host.LogConfig is { } log && (log.Config is { Count: > 0 } || (log.Type is { Length: > 0 } && log.Type != defaults.LogDriver)) ? log : null,
            NetworkMode = host.NetworkMode is "default" or "bridge" ? null : OrNull(host.NetworkMode),
            RestartPolicy = host.RestartPolicy is { Name: not (null or "" or "no") } ? host.RestartPolicy : null,
            AutoRemove = OrNull(host.AutoRemove), Privileged = OrNull(host.Privileged), PublishAllPorts = OrNull(host.PublishAllPorts), ReadonlyRootfs = OrNull(host.ReadonlyRootfs), OomKillDisable = OrNull(host.OomKillDisable),
            VolumeDriver = OrNull(host.VolumeDriver), CgroupParent = OrNull(host.CgroupParent), CpusetCpus = OrNull(host.CpusetCpus), CpusetMems = OrNull(host.CpusetMems),
            PidMode = OrNull(host.PidMode), UTSMode = OrNull(host.UTSMode), UsernsMode = OrNull(host.UsernsMode), Cgroup = OrNull(host.Cgroup), Isolation = OrNull(host.Isolation),
            IpcMode = host.IpcMode == "private" ? null : OrNull(host.IpcMode),
            CgroupnsMode = host.CgroupnsMode == (defaults.IsCgroupV2 && !isPrivileged ? "private" : "host") ? null : OrNull(host.CgroupnsMode),
            Runtime = host.Runtime == defaults.Runtime ? null : OrNull(host.Runtime),
            ShmSize = host.ShmSize is DefaultShmSize ? null : OrNull(host.ShmSize),
            SecurityOpt = host.SecurityOpt is ["label=disable"] && (isPrivileged || host.IpcMode == "host" || host.PidMode == "host") ? null : OrNull(host.SecurityOpt),
            MaskedPaths = host.MaskedPaths is [] && !isPrivileged ? [] : null,
            ReadonlyPaths = host.ReadonlyPaths is [] && !isPrivileged ? [] : null,
            Memory = OrNull(host.Memory), MemoryReservation = OrNull(host.MemoryReservation),
            MemorySwap = host.Memory > 0 && host.MemorySwap == host.Memory * 2 ? null : OrNull(host.MemorySwap),
            MemorySwappiness = host.MemorySwappiness is -1 ? null : host.MemorySwappiness,
            NanoCpus = OrNull(host.NanoCpus), CpuShares = OrNull(host.CpuShares), CpuPeriod = OrNull(host.CpuPeriod), CpuQuota = OrNull(host.CpuQuota),
            CpuRealtimePeriod = OrNull(host.CpuRealtimePeriod), CpuRealtimeRuntime = OrNull(host.CpuRealtimeRuntime), CpuCount = OrNull(host.CpuCount), CpuPercent = OrNull(host.CpuPercent),
            IOMaximumIOps = OrNull(host.IOMaximumIOps), IOMaximumBandwidth = OrNull(host.IOMaximumBandwidth), BlkioWeight = OrNull(host.BlkioWeight),
            PidsLimit = host.PidsLimit is > 0 ? host.PidsLimit : null, OomScoreAdj = OrNull(host.OomScoreAdj), KernelMemory = null, KernelMemoryTCP = null,
        };
    }

    /// <summary>What was asked of each network; what the networks gave is left out.</summary>
    public static Dictionary<string, EndpointSettings> NetworksOf(ContainerInspectResponse container)
    {
        var mode = container.HostConfig?.NetworkMode switch { null or "" or "default" => "bridge", var given => given };
        var asked = new Dictionary<string, EndpointSettings>();
        foreach (var (name, endpoint) in (container.NetworkSettings?.Networks ?? []).OrderBy(entry => entry.Key == mode ? 0 : 1).ThenByDescending(entry => entry.Value.GwPriority ?? 0))
        {
            if (name is "host" or "none") continue;
            asked[name] = new EndpointSettings
            {
                Aliases = OrNull(endpoint.Aliases?.Where(alias => container.Id?.StartsWith(alias, StringComparison.Ordinal) != true).ToList()),
                Links = OrNull(endpoint.Links), DriverOpts = endpoint.DriverOpts is { Count: > 0 } ? endpoint.DriverOpts : null, GwPriority = OrNull(endpoint.GwPriority),
                IPAMConfig = endpoint.IPAMConfig is { } ipam && (ipam.IPv4Address ?? ipam.IPv6Address ?? ipam.LinkLocalIPs?.FirstOrDefault()) is { Length: > 0 } ? ipam : null,
                MacAddress = name == mode ? OrNull(container.Config?.MacAddress) : null,
            };
        }
        return asked;
    }

    /// <summary>Inspect shows <c>/other:/this/alias</c>.</summary>
    private static string LinkAsAsked(string link)
    {
        var colon = link.IndexOf(":/", StringComparison.Ordinal);
        if (!link.StartsWith('/') || colon < 0) return link;
        var alias = link[(link.LastIndexOf('/') + 1)..];
        return $"{link[1..colon]}:{alias}";
    }

    private static string? OrNull(string? text) => text is { Length: > 0 } ? text : null;
    private static long? OrNull(long? number) => number is 0 ? null : number;
    private static bool? OrNull(bool? value) => value == true ? true : null;
    private static List<T>? OrNull<T>(List<T>? list) => list is { Count: > 0 } ? list : null;
}
