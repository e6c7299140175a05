using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups.Stats;
using Wharf.Runtime.Commands.CommandLine;
using Wharf.Runtime.Commands.Store;

namespace Wharf.Runtime.Commands;

/// <summary>A line of <c>events</c>: type stats with data, or oom.</summary>
internal sealed record RuntimeEvent
{
    public string Type { get; set; } = "";
    public string Id { get; set; } = "";
    public CgroupStats? Data { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RuntimeEvent))]
internal sealed partial class EventsJson : JsonSerializerContext;

/// <summary><c>events</c>: what a container uses, again and again, and when it ran out of memory.</summary>
internal sealed class EventsCommand : RuntimeCommand
{
    public override string Name => "events";
    public override string Summary => "display what a container uses, and when it runs out of memory";
    public override IReadOnlyList<Flag> Flags => [Flag.Value("interval", "time between two reports", null, "5s"), Flag.Switch("stats", "one report, then end")];

    public override int Run(Context context, Arguments arguments)
    {
        var container = new ContainerStore(context.Root).Load(arguments.Rest[0]);
        int interval = IntervalOf(arguments.Text("interval") ?? "5s");
        using var init = container.OpenInit() ?? throw new RuntimeException($"container with id {container.Id} is not running");
        var cgroup = container.OpenCgroup() ?? throw new RuntimeException("a container without a cgroup has no statistics");
        if (arguments.On("stats"))
        {
            Print(new RuntimeEvent { Type = "stats", Id = container.Id, Data = cgroup.ReadStats() });
            return 0;
        }
        using var oom = cgroup.WatchOom();
        ulong kills = cgroup.OomKills;
        Span<PollEntry> entries = [new PollEntry(init.Value, FdPoll.POLLIN), new PollEntry(oom?.Fd.Value ?? -1, FdPoll.POLLIN)];
        long next = Environment.TickCount64 + interval;
        while (true)
        {
            int ready = FdPoll.Wait(entries, (int)Math.Max(0, next - Environment.TickCount64));
            if (entries[1].Returned != 0)
            {
                oom!.Drain();
                if (cgroup.OomKills > kills) Print(new RuntimeEvent { Type = "oom", Id = container.Id });
                kills = cgroup.OomKills;
            }
            if (entries[0].Returned != 0) return 0;
            if (ready > 0) continue;
            Print(new RuntimeEvent { Type = "stats", Id = container.Id, Data = cgroup.ReadStats() });
            next += interval;
        }
    }

    private static void Print(RuntimeEvent notice) => Streams.Out(JsonSerializer.Serialize(notice, EventsJson.Default.RuntimeEvent) + "\n");

    /// <summary>Milliseconds of a duration as 5s, 100ms or 1m.</summary>
    private static int IntervalOf(string text)
    {
        var (unit, size) = text.EndsWith("ms", StringComparison.Ordinal) ? ("ms", 1m) : text.EndsWith('s') ? ("s", 1000m) : text.EndsWith('m') ? ("m", 60_000m) : text.EndsWith('h') ? ("h", 3_600_000m) : ("?", 0m);
        if (unit == "?" || !decimal.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal number))
            throw new UsageException($"invalid value \"{text}\" for flag -interval: parse error", true);
        return number > 0 ? (int)(number * size) : throw new RuntimeException("duration interval must be greater than 0");
    }
}
