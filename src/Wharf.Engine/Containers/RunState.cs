namespace Wharf.Engine.Containers;

/// <summary>Everything about a container that changes as it lives. Immutable: a change replaces the whole, so that readers need no lock.</summary>
public sealed record RunState
{
    public ContainerStatus Status { get; init; }
    /// <summary>Process ID of the container's init on the host; 0 when nothing runs.</summary>
    public int Pid { get; init; }
    public int ExitCode { get; init; }
    /// <summary>Why the last start failed, or empty.</summary>
    public string Error { get; init; } = "";
    public bool OomKilled { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>How often the restart policy has started it again since a user did.</summary>
    public int RestartCount { get; init; }
    /// <summary>A user stopped or killed it: the restart policy leaves it alone.</summary>
    public bool ManuallyStopped { get; init; }

    /// <summary>True while there is a process, or one will come by itself.</summary>
    public bool IsUp => Status is ContainerStatus.Running or ContainerStatus.Paused or ContainerStatus.Restarting;
    public bool HasProcess => Status is ContainerStatus.Running or ContainerStatus.Paused;
}
