using System.Globalization;
using System.Text.Json;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Commands;

/// <summary><c>update</c>: changes limits of a container while it runs.</summary>
internal sealed class UpdateCommand : RuntimeCommand
{
    public override string Name => "update";
    public override string Summary => "update a container's limits";
    public override IReadOnlyList<Flag> Flags =>
    [
        Flag.Value("resources", "file with linux.resources as JSON, '-' for standard input; other flags then do not count", "r"),
        Flag.Value("blkio-weight", "weight, 10 to 1000"),
        Flag.Value("cpu-period", "CFS period in microseconds"),
        Flag.Value("cpu-quota", "CFS quota in microseconds"),
        Flag.Value("cpu-burst", "CFS burst in microseconds"),
        Flag.Value("cpu-share", "weight against other containers"),
        Flag.Value("cpu-rt-period", "realtime period in microseconds"),
        Flag.Value("cpu-rt-runtime", "realtime quota in microseconds"),
        Flag.Value("cpuset-cpus", "CPUs to use"),
        Flag.Value("cpuset-mems", "memory nodes to use"),
        Flag.Value("memory", "memory limit (in bytes)"),
        Flag.Value("cpu-idle", "1: run only when nothing else wants to"),
        Flag.Value("memory-reservation", "soft limit (in bytes)"),
        Flag.Value("memory-swap", "memory and swap together; '-1' for no limit"),
        Flag.Value("pids-limit", "number of processes"),
        Flag.Value("l3-cache-schema", "Intel RDT/CAT schema"),
        Flag.Value("mem-bw-schema", "Intel RDT/MBA schema"),
    ];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        var resources = arguments.Text("resources") is { } file ? Read(file) : Of(arguments);
        if (!container.Alive) throw new RuntimeException("container not running");
        var warnings = new List<string>();
        var rdt = new LinuxIntelRdt { L3CacheSchema = arguments.Text("l3-cache-schema"), MemBwSchema = arguments.Text("mem-bw-schema") };
        if (rdt.L3CacheSchema is { Length: > 0 } && IntelRdt.Detect()?.HasCaches != true) throw new RuntimeException("Intel RDT/CAT: l3 cache schema is not enabled");
        if (rdt.MemBwSchema is { Length: > 0 } && IntelRdt.Detect()?.HasBandwidth != true) throw new RuntimeException("Intel RDT/MBA: memory bandwidth schema is not enabled");
        (container.OpenCgroup() ?? throw new RuntimeException("cannot update the limits of a container without a cgroup")).Update(resources, warnings);
        if (container.State.IntelRdtPath is { } group) IntelRdt.WriteSchemata(group, IntelRdt.SchemataOf(rdt));
        foreach (var warning in warnings) context.Log.Warning(warning);
        return 0;
    }

    private static LinuxResources Read(string file)
    {
        using Stream input = file == "-" ? new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(0, ownsHandle: false), FileAccess.Read) : File.OpenRead(file);
        return JsonSerializer.Deserialize(input, RuntimeJson.Default.LinuxResources) ?? throw new RuntimeException($"{file}: null is no resources");
    }

    private static LinuxResources Of(Arguments arguments)
    {
        var cpu = new LinuxCpu
        {
            Period = Unsigned(arguments, "cpu-period"), Quota = Signed(arguments, "cpu-quota"), Burst = Unsigned(arguments, "cpu-burst"), Shares = Unsigned(arguments, "cpu-share"),
            RealtimePeriod = Unsigned(arguments, "cpu-rt-period"), RealtimeRuntime = Signed(arguments, "cpu-rt-runtime"), Cpus = arguments.Text("cpuset-cpus"), Mems = arguments.Text("cpuset-mems"), Idle = Signed(arguments, "cpu-idle"),
        };
        var memory = new LinuxMemory { Limit = Bytes(arguments, "memory"), Reservation = Bytes(arguments, "memory-reservation"), Swap = Bytes(arguments, "memory-swap") };
        return new LinuxResources
        {
            Cpu = cpu == new LinuxCpu() ? null : cpu,
            Memory = memory == new LinuxMemory() ? null : memory,
            Pids = Signed(arguments, "pids-limit") is { } pids and not 0 ? new LinuxPids { Limit = pids } : null,
            BlockIo = Unsigned(arguments, "blkio-weight") is { } weight and not 0 ? new LinuxBlockIo { Weight = checked((ushort)weight) } : null,
        };
    }

    private static ulong? Unsigned(Arguments arguments, string name) => arguments.Text(name) is not { Length: > 0 } text ? null
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) ? number : throw new RuntimeException($"invalid value for {name}: {text}");

    private static long? Signed(Arguments arguments, string name) => arguments.Text(name) is not { Length: > 0 } text ? null
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : throw new RuntimeException($"invalid value for {name}: {text}");

    // 64m, 1.5GiB: binary multiples, as docker's units.
    private static long? Bytes(Arguments arguments, string name)
    {
        if (arguments.Text(name) is not { Length: > 0 } text) return null;
        if (text == "-1") return -1;
        var number = text.TrimEnd("bBiIkKmMgGtTpP ".ToCharArray());
        var unit = text[number.Length..].Trim().ToLowerInvariant().TrimEnd('b', 'i');
        int power = unit.Length == 0 ? 0 : "kmgtp".IndexOf(unit, StringComparison.Ordinal) + 1;
        if (unit.Length > 1 || unit.Length == 1 && power == 0 || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)) throw new RuntimeException($"invalid value for {name}: {text}");
        for (int i = 0; i < power; i++) value *= 1024;
        return (long)value;
    }
}
