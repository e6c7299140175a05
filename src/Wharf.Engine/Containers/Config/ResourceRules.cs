using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Limits that make sense and that this kernel can keep, with docker's messages. Some are dropped with a warning instead.</summary>
internal static class ResourceRules
{
    private const long MinMemory = 6L << 20;

    /// <summary>Checks and where need be drops limits of <paramref name="host"/>. Runs before defaults are filled in.</summary>
    public static void Check(HostConfig host, HostCapacity capacity, List<string> warnings, bool update = false)
    {
        UnsignedRules.Check(host);
        Discard(host, capacity, warnings);
        CheckMemory(host, capacity, warnings, update);
        CheckCpu(host, capacity, warnings);
        CheckCpuset(host.CpusetCpus, "cpus", capacity.CpuList, "CPUs");
        CheckCpuset(host.CpusetMems, "mems", capacity.MemoryNodes, "memory nodes");
        CheckBlockIo(host, capacity, warnings);
        CheckOtherSystems(host, warnings, update);
    }

    /// <summary>Limits that this kernel has not got at all are left out, with docker's warnings.</summary>
    private static void Discard(HostConfig host, HostCapacity capacity, List<string> warnings)
    {
        if (host.Memory > 0 && !capacity.Memory)
        {
            warnings.Add("Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.");
            (host.Memory, host.MemorySwap) = (0, -1);
        }
        if (host.MemoryReservation > 0 && !capacity.Memory)
        {
            warnings.Add("Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.");
            host.MemoryReservation = 0;
        }
        if (host.PidsLimit > 0 && !capacity.Pids)
        {
            warnings.Add("Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.");
            host.PidsLimit = null;
        }
        if (host.CpuShares > 0 && !capacity.CpuShares)
        {
            warnings.Add("Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.");
            host.CpuShares = 0;
        }
        if (host.NanoCpus > 0 && !capacity.CpuQuota) throw WharfException.Invalid("NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted");
        if ((host.CpuPeriod > 0 || host.CpuQuota > 0) && !capacity.CpuQuota)
        {
            warnings.Add("Your kernel does not support CPU CFS scheduler or the cgroup is not mounted. Period and quota discarded.");
            (host.CpuPeriod, host.CpuQuota) = (0, 0);
        }
        if ((host.CpusetCpus is { Length: > 0 } || host.CpusetMems is { Length: > 0 }) && !capacity.Cpuset)
        {
            warnings.Add("Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.");
            (host.CpusetCpus, host.CpusetMems) = ("", "");
        }
    }

    private static void CheckMemory(HostConfig host, HostCapacity capacity, List<string> warnings, bool update)
    {
        long memory = host.Memory ?? 0, swap = host.MemorySwap ?? 0, reservation = host.MemoryReservation ?? 0;
        if (memory != 0 && memory < MinMemory) throw WharfException.Invalid("Minimum memory limit allowed is 6MB");
        if (memory > 0 && swap > 0 && !capacity.Swap)
        {
            warnings.Add("Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.");
            host.MemorySwap = swap = -1;
        }
        if (memory > 0 && swap > 0 && swap < memory) throw WharfException.Invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
        if (memory == 0 && swap > 0 && !update) throw WharfException.Invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
        if (host.MemorySwappiness is { } swappiness && swappiness != -1)
        {
            if (swappiness is < 0 or > 100) throw WharfException.Invalid($"Invalid value: {swappiness}, valid memory swappiness range is 0-100");
            if (capacity.CgroupV2)
            {
                warnings.Add("Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.");
                host.MemorySwappiness = null;
            }
        }
        if (reservation != 0 && reservation < MinMemory) throw WharfException.Invalid("Minimum memory reservation allowed is 6MB");
        if (memory > 0 && reservation > memory) throw WharfException.Invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
        if (host.OomKillDisable != true) return;
        if (!capacity.OomKillDisable)
        {
            warnings.Add("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
            host.OomKillDisable = null;
        }
        else if (memory == 0)
        {
            warnings.Add("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
        }
    }

    private static void CheckCpu(HostConfig host, HostCapacity capacity, List<string> warnings)
    {
        long nano = host.NanoCpus ?? 0, period = host.CpuPeriod ?? 0, quota = host.CpuQuota ?? 0;
        if (nano != 0 && period > 0) throw WharfException.Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
        if (nano != 0 && quota > 0) throw WharfException.Invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
        if (nano < 0 || nano > capacity.Cpus * 1_000_000_000L)
            throw WharfException.Invalid(string.Create(CultureInfo.InvariantCulture, $"range of CPUs is from 0.01 to {capacity.Cpus}.00, as there are only {capacity.Cpus} CPUs available"));
        if (host.CpuShares < 0) throw WharfException.Invalid($"invalid CPU shares ({host.CpuShares}): value must be a positive integer");
        if (period != 0 && period is < 1000 or > 1_000_000)
            throw WharfException.Invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
        if (quota is > 0 and < 1000) throw WharfException.Invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
        if (host.CpuRealtimePeriod is not (null or 0) || host.CpuRealtimeRuntime is not (null or 0))
        {
            if (!capacity.CpuRealtime) throw WharfException.Invalid("kernel does not support CPU real-time scheduler");
            if (host.CpuRealtimePeriod is not (null or 0) && host.CpuRealtimeRuntime > host.CpuRealtimePeriod) throw WharfException.Invalid("cpu real-time runtime cannot be higher than cpu real-time period");
        }
        if (host.CpuPercent > 0)
        {
            warnings.Add($"{OperatingSystemName} does not support CPU percent. Percent discarded.");
            host.CpuPercent = 0;
        }
    }

    private const string OperatingSystemName = "linux";

    private static void CheckCpuset(string? asked, string what, string available, string things)
    {
        if (string.IsNullOrEmpty(asked)) return;
        if (!CpuList.TryParse(asked, out var wanted)) throw WharfException.Invalid($"Invalid value {asked} for cpuset {what}: {(CpuList.IsTooHigh(asked) ? $"value of out range, maximum is {CpuList.Highest + 1}" : $"invalid format: {asked}")}");
        if (CpuList.TryParse(available, out var there) && !wanted.IsSubsetOf(there))
            throw WharfException.Invalid($"Requested {things} are not available - requested {asked}, available: {available}");
    }

    private static void CheckBlockIo(HostConfig host, HostCapacity capacity, List<string> warnings)
    {
        if (host.BlkioWeight > 0 && !capacity.BlockWeight)
        {
            warnings.Add("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
            host.BlkioWeight = 0;
        }
        if (host.BlkioWeight is > 0 and (< 10 or > 1000)) throw WharfException.Invalid("Range of blkio weight is from 10 to 1000");
        if (host.BlkioWeightDevice is { Count: > 0 } && !capacity.BlockWeightDevice)
        {
            warnings.Add("Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.");
            host.BlkioWeightDevice = [];
        }
    }

    /// <summary>Limits that only Windows has.</summary>
    private static void CheckOtherSystems(HostConfig host, List<string> warnings, bool update)
    {
        bool bandwidth = host.IOMaximumBandwidth is not (null or 0), operations = host.IOMaximumIOps is not (null or 0);
        if (update && (bandwidth || operations)) throw WharfException.Invalid("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps");
        if (bandwidth) throw WharfException.Invalid("invalid option: QoS maximum bandwidth configuration is not supported on linux");
        if (operations) throw WharfException.Invalid("invalid option: QoS maximum IOPs configuration is not supported on linux");
    }
}
