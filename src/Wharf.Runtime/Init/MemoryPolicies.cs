using Wharf.Specs.Errors;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Init;

/// <summary>Memory policies by their OCI names (set_mempolicy(2)).</summary>
internal static unsafe class MemoryPolicies
{
    private const int MostNodes = 1024;

    public static void Add(LaunchProgram program, LinuxMemoryPolicy? policy)
    {
        if (policy is null) return;
        int mode = ModeOf(policy);
        if (policy.Nodes is not { Length: > 0 } nodes)
        {
            program.Add("set memory policy", LaunchSyscalls.set_mempolicy, mode, 0, 0);
            return;
        }
        var mask = (byte*)program.Allocate(MostNodes / 8);
        foreach (var node in Priorities.CpuList(nodes, MostNodes)) mask[node / 8] |= (byte)(1 << node % 8);
        // The kernel takes one bit less than it is told.
        program.Add("set memory policy", LaunchSyscalls.set_mempolicy, mode, (nint)mask, MostNodes + 1);
    }

    public static int ModeOf(LinuxMemoryPolicy policy)
    {
        int mode = policy.Mode switch
        {
            "MPOL_DEFAULT" => 0, "MPOL_PREFERRED" => 1, "MPOL_BIND" => 2, "MPOL_INTERLEAVE" => 3, "MPOL_LOCAL" => 4, "MPOL_PREFERRED_MANY" => 5, "MPOL_WEIGHTED_INTERLEAVE" => 6,
            _ => throw WharfException.Invalid($"linux.memoryPolicy: invalid mode \"{policy.Mode}\""),
        };
        foreach (var flag in policy.Flags ?? [])
        {
            mode |= flag switch
            {
                "MPOL_F_STATIC_NODES" => 1 << 15, "MPOL_F_RELATIVE_NODES" => 1 << 14, "MPOL_F_NUMA_BALANCING" => 1 << 13,
                _ => throw WharfException.Invalid($"linux.memoryPolicy: invalid flag \"{flag}\""),
            };
        }
        return mode;
    }
}
