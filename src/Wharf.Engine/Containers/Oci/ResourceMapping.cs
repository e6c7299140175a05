using System.Runtime.InteropServices;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Engine.Containers.Oci;

/// <summary>docker's limits in the OCI runtime's words.</summary>
internal static class ResourceMapping
{
    private const long Period = 100_000;

    /// <summary>Everything but device rules, which only count at start.</summary>
    public static LinuxResources Map(HostConfig host) => new()
    {
        Memory = Memory(host),
        Cpu = Cpu(host),
        Pids = host.PidsLimit is > 0 ? new LinuxPids { Limit = host.PidsLimit } : null,
        BlockIo = BlockIo(host),
    };

    private static LinuxMemory? Memory(HostConfig host)
    {
        if (host is { Memory: null or 0, MemoryReservation: null or 0, MemorySwap: null or 0, MemorySwappiness: null, OomKillDisable: not true, KernelMemoryTCP: null or 0 }) return null;
        return new LinuxMemory
        {
            Limit = NotZero(host.Memory),
            Reservation = NotZero(host.MemoryReservation),
            Swap = NotZero(host.MemorySwap),
            KernelTcp = NotZero(host.KernelMemoryTCP),
            Swappiness = host.MemorySwappiness is >= 0 ? (ulong)host.MemorySwappiness : null,
            DisableOomKiller = host.OomKillDisable == true ? true : null,
        };
    }

    private static LinuxCpu? Cpu(HostConfig host)
    {
        long? quota = NotZero(host.CpuQuota), period = NotZero(host.CpuPeriod);
        if (host.NanoCpus is > 0)
        {
            period = Period;
            quota = host.NanoCpus * Period / 1_000_000_000;
        }
        var cpu = new LinuxCpu
        {
            Shares = NotZero(host.CpuShares) is { } shares ? (ulong)shares : null,
            Quota = quota,
            Period = period is { } value ? (ulong)value : null,
            RealtimePeriod = NotZero(host.CpuRealtimePeriod) is { } realtime ? (ulong)realtime : null,
            RealtimeRuntime = NotZero(host.CpuRealtimeRuntime),
            Cpus = host.CpusetCpus is { Length: > 0 } cpus ? cpus : null,
            Mems = host.CpusetMems is { Length: > 0 } mems ? mems : null,
        };
        return cpu == new LinuxCpu() ? null : cpu;
    }

    private static LinuxBlockIo? BlockIo(HostConfig host)
    {
        var block = new LinuxBlockIo
        {
            Weight = host.BlkioWeight is > 0 ? (ushort)host.BlkioWeight : null,
            WeightDevice = Map(host.BlkioWeightDevice, entry =>
            {
                var (major, minor) = Numbers(entry.Path);
                return new LinuxWeightDevice { Major = major, Minor = minor, Weight = (ushort)(entry.Weight ?? 0) };
            }),
            ThrottleReadBpsDevice = Map(host.BlkioDeviceReadBps, Throttle),
            ThrottleWriteBpsDevice = Map(host.BlkioDeviceWriteBps, Throttle),
            ThrottleReadIopsDevice = Map(host.BlkioDeviceReadIOps, Throttle),
            ThrottleWriteIopsDevice = Map(host.BlkioDeviceWriteIOps, Throttle),
        };
        return block == new LinuxBlockIo() ? null : block;
    }

    private static List<TTo>? Map<TFrom, TTo>(List<TFrom>? entries, Converter<TFrom, TTo> map) => entries is { Count: > 0 } ? entries.ConvertAll(map) : null;

    private static LinuxThrottleDevice Throttle(ThrottleDevice entry)
    {
        var (major, minor) = Numbers(entry.Path);
        return new LinuxThrottleDevice { Major = major, Minor = minor, Rate = (ulong)(entry.Rate ?? 0) };
    }

    private static (long Major, long Minor) Numbers(string? path)
    {
        // What is no disk the kernel refuses by its numbers, as docker lets it.
        var facts = FileFacts.TryOf(path ?? "", follow: true, out int errno) ?? throw WharfException.Invalid($"stat {path}: {Marshal.GetPInvokeErrorMessage(errno).ToLowerInvariant()}");
        return (facts.DeviceMajor, facts.DeviceMinor);
    }

    private static long? NotZero(long? value) => value is 0 ? null : value;
}
