using Wharf.Engine.Containers.Config;
using Wharf.Engine.Containers.Oci;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Shim;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>Changes limits and the restart policy; of a running container at once.</summary>
    public async Task<List<string>?> UpdateAsync(string nameOrId, ContainerUpdateRequest request, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        var warnings = new List<string>();
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (container.State.Status is ContainerStatus.Removing or ContainerStatus.Dead)
                throw WharfException.Conflict($"cannot update container {nameOrId}: container is marked for removal and cannot be \"update\"");
            var changed = Change(container.HostConfig, request);
            HostConfigRules.CheckRestart(request.RestartPolicy, autoRemove: false);
            if (request.RestartPolicy?.Name is { Length: > 0 } and not "no" && container.HostConfig.AutoRemove == true)
                throw WharfException.Invalid("Restart policy cannot be updated because AutoRemove is enabled for the container");
            ResourceRules.Check(changed, _capacity, warnings);
            var resources = ResourceMapping.Map(changed);
            if (request.PidsLimit <= 0) resources.Pids = new Specs.Runtime.LinuxPids { Limit = -1 };
            if (container.State.HasProcess)
                await _shim.SendAsync(new ShimRequest { Update = new UpdateRequest { Id = container.Id, Resources = resources } }, CancellationToken.None);
            container.Document = container.Document with { HostConfig = changed };
            _store.SaveDocument(container);
            Publish(container, "update");
        }
        return warnings.Count == 0 ? null : warnings;
    }

    /// <summary>The host configuration with what the request names; zero and empty mean: as it was.</summary>
    private static HostConfig Change(HostConfig host, ContainerUpdateRequest request)
    {
        static long? Number(long? asked, long? now) => asked is null or 0 ? now : asked;
        static string? Text(string? asked, string? now) => string.IsNullOrEmpty(asked) ? now : asked;
        if (request.NanoCpus is > 0 && (host.CpuQuota is > 0 || host.CpuPeriod is > 0))
            throw WharfException.Invalid("Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set");
        if ((request.CpuPeriod is > 0 || request.CpuQuota is > 0) && host.NanoCpus is > 0)
            throw WharfException.Invalid("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set");
        if (request.Memory > host.MemorySwap && host.MemorySwap > 0 && request.MemorySwap is null or 0)
            throw WharfException.Invalid("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
        return host with
        {
            CpuShares = Number(request.CpuShares, host.CpuShares),
            Memory = Number(request.Memory, host.Memory),
            MemorySwap = Number(request.MemorySwap, host.MemorySwap),
            MemoryReservation = Number(request.MemoryReservation, host.MemoryReservation),
            NanoCpus = Number(request.NanoCpus, host.NanoCpus),
            CpuPeriod = Number(request.CpuPeriod, host.CpuPeriod),
            CpuQuota = Number(request.CpuQuota, host.CpuQuota),
            CpuRealtimePeriod = Number(request.CpuRealtimePeriod, host.CpuRealtimePeriod),
            CpuRealtimeRuntime = Number(request.CpuRealtimeRuntime, host.CpuRealtimeRuntime),
            CpusetCpus = Text(request.CpusetCpus, host.CpusetCpus),
            CpusetMems = Text(request.CpusetMems, host.CpusetMems),
            BlkioWeight = Number(request.BlkioWeight, host.BlkioWeight),
            PidsLimit = request.PidsLimit is null ? host.PidsLimit : request.PidsLimit <= 0 ? null : request.PidsLimit,
            RestartPolicy = request.RestartPolicy?.Name is { Length: > 0 } name
                ? new RestartPolicy { Name = name, MaximumRetryCount = request.RestartPolicy.MaximumRetryCount ?? 0 } : host.RestartPolicy,
        };
    }
}
