using System.Globalization;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Cgroups.Systemd;

/// <summary>
/// Limits as properties of a unit (systemd.resource-control(5)). systemd must know them, or it would put its own back at its next look;
/// what it has no property for is written to the group's files only.
/// </summary>
internal static class SystemdProperties
{
    private const ulong DefaultPeriod = 100_000;
    private const int IdleSince = 252, PeriodSince = 242, CpusetSince = 244;

    public static List<UnitProperty> Of(LinuxResources resources, bool v2, int version, CurrentLimits current)
    {
        var properties = new List<UnitProperty>();
        if (!v2 && resources.Devices is { } devices) properties.AddRange(SystemdDevices.Of(devices));
        if (resources.Memory is { } memory) AddMemory(properties, memory, v2, current);
        if (resources.Cpu is { } cpu) AddCpu(properties, cpu, v2, version, current);
        if (resources.Pids?.Limit is { } pids and not 0) properties.Add(UnitProperty.Number("TasksMax", Limit(pids)));
        if (!v2 && resources.BlockIo?.Weight is { } weight and > 0) properties.Add(UnitProperty.Number("BlockIOWeight", weight));
        if (v2) AddUnified(properties, resources.Unified, version);
        return properties;
    }

    private static void AddMemory(List<UnitProperty> properties, LinuxMemory memory, bool v2, CurrentLimits current)
    {
        if (memory.Limit is { } limit and not 0) properties.Add(UnitProperty.Number(v2 ? "MemoryMax" : "MemoryLimit", Limit(limit)));
        if (!v2) return;
        if (memory.Reservation is { } reservation and not 0) properties.Add(UnitProperty.Number("MemoryLow", Limit(reservation)));
        if (CgroupV2.SwapOf(memory, current) is { } swap) properties.Add(UnitProperty.Number("MemorySwapMax", Limit(swap)));
    }

    private static void AddCpu(List<UnitProperty> properties, LinuxCpu cpu, bool v2, int version, CurrentLimits current)
    {
        // A weight of 0 is systemd's word for idle.
        bool idle = v2 && cpu.Idle == 1 && version >= IdleSince;
        if (idle) properties.Add(UnitProperty.Number("CPUWeight", 0));
        else if (cpu.Shares is { } shares and > 0) properties.Add(v2 ? UnitProperty.Number("CPUWeight", ResourceText.WeightOfShares(shares)) : UnitProperty.Number("CPUShares", shares));
        AddQuota(properties, cpu.Quota ?? 0, cpu.Period ?? 0, version, current);
        if (version < CpusetSince) return;
        if (cpu.Cpus is { Length: > 0 } cpus) properties.Add(UnitProperty.Bytes("AllowedCPUs", Bits(cpus, "linux.resources.cpu.cpus")));
        if (cpu.Mems is { Length: > 0 } mems) properties.Add(UnitProperty.Bytes("AllowedMemoryNodes", Bits(mems, "linux.resources.cpu.mems")));
    }

    private static void AddQuota(List<UnitProperty> properties, long quota, ulong period, int version, CurrentLimits current)
    {
        if (quota == 0 && period == 0) return;
        if (quota == 0) quota = current.Quota ?? -1;
        if (period == 0) period = current.Period ?? DefaultPeriod;
        if (version >= PeriodSince) properties.Add(UnitProperty.Number("CPUQuotaPeriodUSec", period));
        // Per second of time; systemd rounds to a whole percent, so it is rounded up here for the group to get no less than asked.
        ulong perSecond = quota < 0 ? ulong.MaxValue : (ulong)quota * 1_000_000 / period;
        if (quota > 0 && perSecond % 10_000 != 0) perSecond = (perSecond / 10_000 + 1) * 10_000;
        properties.Add(UnitProperty.Number("CPUQuotaPerSecUSec", perSecond));
    }

    private static void AddUnified(List<UnitProperty> properties, Dictionary<string, string>? unified, int version)
    {
        foreach (var (file, value) in unified ?? [])
        {
            var text = value.Trim();
            switch (file)
            {
                case "cpu.idle" when text == "1" && version >= IdleSince: properties.Add(UnitProperty.Number("CPUWeight", 0)); break;
                case "cpu.weight": properties.Add(UnitProperty.Number("CPUWeight", Number(file, text))); break;
                case "cpu.max":
                    var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                    AddQuota(properties, words[0] == "max" ? -1 : (long)Number(file, words[0]), words.Length > 1 ? Number(file, words[1]) : DefaultPeriod, version, default);
                    break;
                case "cpuset.cpus" when version >= CpusetSince: properties.Add(UnitProperty.Bytes("AllowedCPUs", Bits(text, "linux.resources.unified"))); break;
                case "cpuset.mems" when version >= CpusetSince: properties.Add(UnitProperty.Bytes("AllowedMemoryNodes", Bits(text, "linux.resources.unified"))); break;
                case "memory.high": properties.Add(UnitProperty.Number("MemoryHigh", Number(file, text))); break;
                case "memory.low": properties.Add(UnitProperty.Number("MemoryLow", Number(file, text))); break;
                case "memory.min": properties.Add(UnitProperty.Number("MemoryMin", Number(file, text))); break;
                case "memory.max": properties.Add(UnitProperty.Number("MemoryMax", Number(file, text))); break;
                case "memory.swap.max": properties.Add(UnitProperty.Number("MemorySwapMax", Number(file, text))); break;
                case "pids.max": properties.Add(UnitProperty.Number("TasksMax", Number(file, text))); break;
            }
        }
    }

    private static ulong Number(string file, string text) => text == "max" ? ulong.MaxValue
        : ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong value) ? value : throw new CgroupException("linux.resources.unified", $"unified resource \"{file}\" value conversion error: \"{text}\" is no number");

    /// <summary>−1, no limit, is the largest number.</summary>
    private static ulong Limit(long value) => value < 0 ? ulong.MaxValue : (ulong)value;

    /// <summary>A list <c>0-3,8</c> as systemd takes it: a bit for each, the lowest byte first.</summary>
    public static byte[] Bits(string list, string field)
    {
        var bits = new byte[1024];
        int highest = -1;
        foreach (var part in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !ushort.TryParse(ends[0], CultureInfo.InvariantCulture, out ushort first) || !ushort.TryParse(ends[^1], CultureInfo.InvariantCulture, out ushort last) || last < first || last >= bits.Length * 8)
                throw new CgroupException(field, $"\"{list}\" conversion error: invalid format");
            for (int number = first; number <= last; number++) bits[number / 8] |= (byte)(1 << number % 8);
            highest = Math.Max(highest, last);
        }
        return highest < 0 ? throw new CgroupException(field, $"\"{list}\" conversion error: empty value") : bits[..(highest / 8 + 1)];
    }
}
