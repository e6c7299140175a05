using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>struct sched_attr, first version (sched_setattr(2)).</summary>
internal struct SchedulerAttributes
{
    public uint Size, Policy;
    public ulong Flags;
    public int Nice;
    public uint Priority;
    public ulong Runtime, Deadline, Period;
}

/// <summary>Scheduling and I/O priorities by their OCI names.</summary>
internal static class Priorities
{
    public static nint IoPriorityOf(IoPriority priority)
    {
        int kind = priority.Class switch
        {
            "IOPRIO_CLASS_RT" => 1,
            "IOPRIO_CLASS_BE" => 2,
            "IOPRIO_CLASS_IDLE" => 3,
            _ => throw WharfException.Invalid($"unknown I/O priority class \"{priority.Class}\""),
        };
        return kind << 13 | priority.Priority & 7;
    }

    public static SchedulerAttributes SchedulerOf(Scheduler scheduler) => new()
    {
        Size = 48,
        Policy = scheduler.Policy switch
        {
            "SCHED_OTHER" => 0, "SCHED_FIFO" => 1, "SCHED_RR" => 2, "SCHED_BATCH" => 3, "SCHED_ISO" => 4, "SCHED_IDLE" => 5, "SCHED_DEADLINE" => 6,
            _ => throw WharfException.Invalid($"unknown scheduling policy \"{scheduler.Policy}\""),
        },
        Flags = Flags(scheduler.Flags),
        Nice = scheduler.Nice ?? 0,
        Priority = (uint)(scheduler.Priority ?? 0),
        Runtime = scheduler.Runtime ?? 0,
        Deadline = scheduler.Deadline ?? 0,
        Period = scheduler.Period ?? 0,
    };

    private static ulong Flags(IEnumerable<string>? names)
    {
        ulong flags = 0;
        foreach (var name in names ?? [])
        {
            flags |= name switch
            {
                "SCHED_FLAG_RESET_ON_FORK" => 1, "SCHED_FLAG_RECLAIM" => 2, "SCHED_FLAG_DL_OVERRUN" => 4, "SCHED_FLAG_KEEP_POLICY" => 8,
                "SCHED_FLAG_KEEP_PARAMS" => 16, "SCHED_FLAG_UTIL_CLAMP_MIN" => 32, "SCHED_FLAG_UTIL_CLAMP_MAX" => 64,
                _ => throw WharfException.Invalid($"unknown scheduling flag \"{name}\""),
            };
        }
        return flags;
    }

    /// <summary>The numbers of a CPU list (cpuset(7), "List format").</summary>
    public static IEnumerable<int> CpuList(string list, int most)
    {
        foreach (var part in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], out int first) || !int.TryParse(ends[^1], out int last) || first < 0 || last < first || last >= most)
                throw WharfException.Invalid($"invalid CPU list \"{list}\"");
            for (int cpu = first; cpu <= last; cpu++) yield return cpu;
        }
    }
}
