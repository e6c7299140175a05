using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>What a container is doing, in docker's words.</summary>
public enum ContainerStatus { Created, Running, Paused, Restarting, Removing, Exited, Dead }

/// <summary>The one table of allowed changes of state; everything that changes a state asks here.</summary>
public static class ContainerTransitions
{
    private static readonly ContainerStatus[][] Allowed =
    [
        /* Created    */ [ContainerStatus.Created, ContainerStatus.Running, ContainerStatus.Removing, ContainerStatus.Exited],
        /* Running    */ [ContainerStatus.Running, ContainerStatus.Paused, ContainerStatus.Restarting, ContainerStatus.Exited],
        /* Paused     */ [ContainerStatus.Paused, ContainerStatus.Running, ContainerStatus.Restarting, ContainerStatus.Exited],
        /* Restarting */ [ContainerStatus.Running, ContainerStatus.Exited],
        /* Removing   */ [ContainerStatus.Dead],
        /* Exited     */ [ContainerStatus.Exited, ContainerStatus.Running, ContainerStatus.Removing],
        /* Dead       */ [ContainerStatus.Removing],
    ];

    public static bool IsAllowed(ContainerStatus from, ContainerStatus to) => Array.IndexOf(Allowed[(int)from], to) >= 0;

    public static void Require(ContainerStatus from, ContainerStatus to)
    {
        if (!IsAllowed(from, to))
            throw WharfException.Conflict($"a container that is {Name(from)} cannot become {Name(to)}");
    }

    /// <summary>The word the API uses.</summary>
    public static string Name(ContainerStatus status) => status switch
    {
        ContainerStatus.Created => "created",
        ContainerStatus.Running => "running",
        ContainerStatus.Paused => "paused",
        ContainerStatus.Restarting => "restarting",
        ContainerStatus.Removing => "removing",
        ContainerStatus.Exited => "exited",
        _ => "dead",
    };

    public static bool TryParse(string name, out ContainerStatus status)
    {
        for (status = ContainerStatus.Created; status <= ContainerStatus.Dead; status++)
            if (Name(status) == name) return true;
        return false;
    }
}
