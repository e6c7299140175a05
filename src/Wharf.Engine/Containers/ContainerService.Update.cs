using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Shims;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>
    /// Changes limits, the restart policy and the health check; of a running container at once. As docker does it: what the request names is checked by
    /// itself and sent by itself, and merged into what the container has. Environment and ulimits count from the next exec and the next start on.
    /// </summary>
    public async Task<List<string>?> UpdateAsync(string nameOrId, ContainerUpdateRequest request, CancellationToken cancellation)
    {
        var warnings = new List<string>();
        var asked = Asked(request);
        HostConfigRules.CheckRestart(request.RestartPolicy, autoRemove: false);
        ResourceRules.Check(asked, _capacity, warnings, update: true);
        asked.OomKillDisable = null; // warned of, and not changed
        Ulimits.Map(asked.Ulimits);
        var container = _index.Get(nameOrId);
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (container.State.Status is ContainerStatus.Removing or ContainerStatus.Dead)
                throw WharfException.Conflict($"Cannot update container {container.Id}: Container is marked for removal and cannot be \"update\".");
            var changed = Change(container, asked);
            LogRules.CheckPassthrough(changed, container.Config);
            var config = UpdatedConfig.Of(container.Config, request);
            if (container.State.HasProcess) await ApplyAsync(container, asked);
            container.Document = container.Document with { Config = config, HostConfig = changed };
            _store.SaveDocument(container);
            if (request.Healthcheck is not null && container.State.HasProcess)
            {
                StopHealth(container);
                StartHealth(container);
            }
            Publish(container, "update");
        }
        return warnings.Count == 0 ? null : warnings;
    }

    private async Task ApplyAsync(Container container, HostConfig asked)
    {
        var resources = ResourceMapping.Map(asked);
        if (asked.PidsLimit is 0) resources.Pids = new LinuxPids { Limit = -1 };
        if (resources == new LinuxResources()) return;
        try
        {
            await _shim.SendAsync(new ShimRequest { Update = new UpdateRequest { Id = container.Id, Resources = resources } }, CancellationToken.None);
        }
        catch (ShimException error)
        {
            // What the kernel cannot take is the client's number.
            throw new WharfException(error.Error.Errno is Linux.Syscalls.Errno.EINVAL or Linux.Syscalls.Errno.ERANGE ? ErrorKind.InvalidArgument : ErrorKind.Internal, $"Cannot update container {container.Id}: {error.Message}", error);
        }
    }

    /// <summary>The request alone, in the words of a host configuration. Any number of processes below 1 means no limit.</summary>
    private static HostConfig Asked(ContainerUpdateRequest request) => new()
    {
        CpuShares = request.CpuShares, Memory = request.Memory, MemorySwap = request.MemorySwap, MemoryReservation = request.MemoryReservation, NanoCpus = request.NanoCpus,
        CpuPeriod = request.CpuPeriod, CpuQuota = request.CpuQuota, CpuRealtimePeriod = request.CpuRealtimePeriod, CpuRealtimeRuntime = request.CpuRealtimeRuntime,
        CpusetCpus = request.CpusetCpus, CpusetMems = request.CpusetMems, BlkioWeight = request.BlkioWeight, PidsLimit = request.PidsLimit is <= 0 ? 0 : request.PidsLimit,
        BlkioWeightDevice = request.BlkioWeightDevice,
        BlkioDeviceReadBps = request.BlkioDeviceReadBps, BlkioDeviceWriteBps = request.BlkioDeviceWriteBps, BlkioDeviceReadIOps = request.BlkioDeviceReadIOps, BlkioDeviceWriteIOps = request.BlkioDeviceWriteIOps,
        Ulimits = request.Ulimits, OomKillDisable = request.OomKillDisable,
        CpuPercent = request.CpuPercent, IOMaximumBandwidth = request.IOMaximumBandwidth, IOMaximumIOps = request.IOMaximumIOps, // refused or warned of
        KernelMemory = request.KernelMemory, RestartPolicy = request.RestartPolicy,
    };

    /// <summary>The container's configuration with what was asked for; zero and empty mean: as it was. Conflicts are docker's.</summary>
    private static HostConfig Change(Container container, HostConfig asked)
    {
        static long? Number(long? asked, long? now) => asked is null or 0 ? now : asked;
        static List<ThrottleDevice>? Limits(List<ThrottleDevice>? asked, List<ThrottleDevice>? now) => UpdatedConfig.Merge(asked, now, static limit => limit.Path, static limit => limit.Rate is > 0);
        static string? Text(string? asked, string? now) => string.IsNullOrEmpty(asked) ? now : asked;
        var now = container.HostConfig;
        WharfException Conflict(string why) => WharfException.Conflict($"Cannot update container {container.Id}: {why}");
        if (asked.NanoCpus > 0 && now.CpuPeriod > 0) throw Conflict("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set");
        if (asked.NanoCpus > 0 && now.CpuQuota > 0) throw Conflict("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
        if (asked.CpuPeriod > 0 && now.NanoCpus > 0) throw Conflict("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
        if (asked.CpuQuota > 0 && now.NanoCpus > 0) throw Conflict("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
        // "Without a limit" is −1 and "not given" 0: both count as smaller, also where nothing forbids the change.
        if (asked.Memory is not (null or 0) && asked.Memory > (now.MemorySwap ?? 0) && asked.MemorySwap is (null or 0))
            throw Conflict("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
        bool policy = asked.RestartPolicy?.Name is { Length: > 0 };
        if (policy && asked.RestartPolicy!.Name != "no" && now.AutoRemove == true) throw Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container");
        return now with
        {
            CpuShares = Number(asked.CpuShares, now.CpuShares),
            Memory = Number(asked.Memory, now.Memory),
            MemorySwap = Number(asked.MemorySwap, now.MemorySwap),
            MemoryReservation = Number(asked.MemoryReservation, now.MemoryReservation),
            NanoCpus = Number(asked.NanoCpus, now.NanoCpus),
            CpuPeriod = Number(asked.CpuPeriod, now.CpuPeriod),
            CpuQuota = Number(asked.CpuQuota, now.CpuQuota),
            CpuRealtimePeriod = Number(asked.CpuRealtimePeriod, now.CpuRealtimePeriod),
            CpuRealtimeRuntime = Number(asked.CpuRealtimeRuntime, now.CpuRealtimeRuntime),
            CpusetCpus = Text(asked.CpusetCpus, now.CpusetCpus),
            CpusetMems = Text(asked.CpusetMems, now.CpusetMems),
            BlkioWeight = Number(asked.BlkioWeight, now.BlkioWeight),
            BlkioWeightDevice = UpdatedConfig.Merge(asked.BlkioWeightDevice, now.BlkioWeightDevice, static device => device.Path, static device => device.Weight is > 0),
            BlkioDeviceReadBps = Limits(asked.BlkioDeviceReadBps, now.BlkioDeviceReadBps),
            BlkioDeviceWriteBps = Limits(asked.BlkioDeviceWriteBps, now.BlkioDeviceWriteBps),
            BlkioDeviceReadIOps = Limits(asked.BlkioDeviceReadIOps, now.BlkioDeviceReadIOps),
            BlkioDeviceWriteIOps = Limits(asked.BlkioDeviceWriteIOps, now.BlkioDeviceWriteIOps),
            Ulimits = UpdatedConfig.Merge(asked.Ulimits, now.Ulimits, static limit => limit.Name, static _ => true),
            KernelMemory = Number(asked.KernelMemory, now.KernelMemory),
            PidsLimit = asked.PidsLimit ?? now.PidsLimit,
            RestartPolicy = policy ? new RestartPolicy { Name = asked.RestartPolicy!.Name, MaximumRetryCount = asked.RestartPolicy.MaximumRetryCount ?? 0 } : now.RestartPolicy,
        };
    }
}
