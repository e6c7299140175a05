using Wharf.Linux.Fds;
using Wharf.Runtime.Cgroups;
using Wharf.Runtime.Logs;
using Wharf.Specs.Runtime;
using Wharf.Specs.Shim;

namespace Wharf.Runtime.Shim;

/// <summary>A process the shim looks after: a container's init, or an exec when <see cref="ExecId"/> is set.</summary>
internal sealed class Supervised
{
    public required string Id { get; init; }
    public string? ExecId { get; init; }
    public required ProcessStreams Streams { get; init; }
    public ContainerLog? Log { get; init; }
    /// <summary>Another runtime that made the container and keeps state of it.</summary>
    public Init.ForeignRuntime? Runtime { get; init; }
    /// <summary>What the engine gave along with an exec.</summary>
    public string? Note { get; init; }
    public LinuxSpec? Linux { get; init; }
    public Capabilities? Capabilities { get; init; }
    public Hooks? Hooks { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
    public Fd? PidFd { get; set; }
    public Cgroup? Cgroup { get; set; }
    public int Pid { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset? ExitedAt { get; set; }
    public int ExitCode { get; set; }
    public bool OomKilled { get; set; }
    public bool Paused { get; set; }
    /// <summary>Why it ended, where that is not the process's own doing.</summary>
    public string? Error { get; init; }
    public OomWatch? Oom { get; set; }
    /// <summary>OOM kills that have been told.</summary>
    public ulong OomKills { get; set; }

    public bool Running => PidFd is not null;

    public ShimContainer Describe() => new()
    {
        Id = Id, ExecId = ExecId, Pid = Pid, StartedAt = StartedAt, ExitCode = ExitCode, OomKilled = OomKilled, ExitedAt = ExitedAt, Error = Error, Note = Note,
        DroppedLines = DroppedLines,
        State = ExitedAt is not null ? "exited" : Paused ? "paused" : "running",
    };

    public ShimEvent ExitEvent() => new() { Type = "exit", Id = Id, ExecId = ExecId, Pid = Pid, ExitCode = ExitCode, OomKilled = OomKilled, At = ExitedAt!.Value, Error = Error, DroppedLines = DroppedLines };

    private long? DroppedLines => Log is RemoteLog { Dropped: > 0 and var dropped } ? dropped : null;

    public ShimRecord Record() => new() { Id = Id, Pid = Pid, Cgroup = Cgroup!.Place, StartedAt = StartedAt, ExitedAt = ExitedAt, ExitCode = ExitCode, OomKilled = OomKilled, Error = Error, Runtime = Runtime };
}
