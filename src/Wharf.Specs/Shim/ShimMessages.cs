using Wharf.Specs.Runtime;

namespace Wharf.Specs.Shim;

// One shim process serves all containers of one data root (docs/design/0001). Wire form: a 4-byte little-endian length and
// that many bytes of JSON. A connection carries requests and their responses in order of completion, matched by Seq; events
// come on a connection that asked for them with Subscribe. A connection that asked for Attach becomes a byte stream.

/// <summary>A request to the shim: exactly one of the members beside <see cref="Seq"/> is set.</summary>
public sealed record ShimRequest
{
    public long Seq { get; set; }
    public StartRequest? Start { get; set; }
    public ExecRequest? Exec { get; set; }
    public SignalRequest? Signal { get; set; }
    public ResizeRequest? Resize { get; set; }
    public AttachRequest? Attach { get; set; }
    public FreezeRequest? Freeze { get; set; }
    public UpdateRequest? Update { get; set; }
    public DeleteRequest? Delete { get; set; }
    public ListRequest? List { get; set; }
    public SubscribeRequest? Subscribe { get; set; }
    public ShutdownRequest? Shutdown { get; set; }
    public DnsRequest? Dns { get; set; }
    public HandOverRequest? HandOver { get; set; }
}

/// <summary>The answer to the request with the same <see cref="Seq"/>.</summary>
public sealed record ShimResponse
{
    public long Seq { get; set; }
    public ShimError? Error { get; set; }
    public int? Pid { get; set; }
    public DateTimeOffset? StartedAt { get; set; }
    public List<string>? Warnings { get; set; }
    public List<ShimContainer>? Containers { get; set; }
}

/// <summary>Why a request failed. For a failed start or exec, <see cref="ExitCode"/> is docker's 125, 126 or 127.</summary>
public sealed record ShimError { public string Message { get; set; } = ""; public string? Kind { get; set; } public int? Errno { get; set; } public string? Step { get; set; } public int? ExitCode { get; set; } }

/// <summary>Create the container's namespaces, root file system and cgroup, and run its process.</summary>
public sealed record StartRequest
{
    public string Id { get; set; } = "";
    public Spec Spec { get; set; } = new();
    /// <summary>Mounted, in order, as the container's root in its own mount namespace; never visible on the host.</summary>
    public List<Mount> Rootfs { get; set; } = [];
    public bool OpenStdin { get; set; }
    /// <summary>Close stdin when the first attached client that had it goes away.</summary>
    public bool StdinOnce { get; set; }
    public LogTarget? Log { get; set; }
    /// <summary>Host path of the small init that reaps and forwards signals as PID 1 (docker's --init), if wanted.</summary>
    public string? InitPath { get; set; }
    /// <summary><c>linux.cgroupsPath</c> names a systemd scope (<c>slice:prefix:name</c>) and not a directory.</summary>
    public bool SystemdCgroup { get; set; }
    /// <summary>Another OCI runtime that is to make the container: its program and then its own arguments; null for this one.</summary>
    public List<string>? Runtime { get; set; }
    /// <summary>Its names on networks and its name server, for a container in a network namespace that the engine made.</summary>
    public DnsContainer? Dns { get; set; }
}

/// <summary>
/// Where output is written: <c>json-file</c> and <c>local</c> (a file of docker's format), <c>k8s-file</c>, <c>syslog</c>, <c>gelf</c>, <c>fluentd</c>,
/// <c>journald</c>, <c>splunk</c>, <c>awslogs</c>, <c>gcplogs</c>, <c>binary</c> (sent on, and kept in a local file to be read back), <c>none</c>, <c>passthrough</c> (nothing
/// is kept: the process writes to what was handed over). Sizes in bytes.
/// </summary>
public sealed record LogTarget
{
    public string Driver { get; set; } = "json-file";
    /// <summary>The file; of a remote driver its cache, null for no cache.</summary>
    public string? Path { get; set; }
    public long? MaxSize { get; set; }
    public int? MaxFile { get; set; }
    public bool Compress { get; set; }
    /// <summary>Attributes written with each line (labels, env, tag).</summary>
    public Dictionary<string, string>? Attributes { get; set; }
    /// <summary>Lines that find more than this waiting are dropped and counted; null makes the container wait instead.</summary>
    public long? DropBeyond { get; set; }
    /// <summary>A remote driver's own options, as docker names them.</summary>
    public Dictionary<string, string>? Options { get; set; }
    /// <summary>The program of <c>binary</c>, and its arguments.</summary>
    public List<string>? Program { get; set; }
    /// <summary>Whose log it is, for drivers that send it along.</summary>
    public LogSource? Source { get; set; }
}

/// <summary>The container a log is of.</summary>
public sealed record LogSource
{
    public string ContainerId { get; set; } = "";
    public string ContainerName { get; set; } = "";
    public string ImageId { get; set; } = "";
    public string ImageName { get; set; } = "";
    public string Command { get; set; } = "";
    public DateTimeOffset Created { get; set; }
    public string Tag { get; set; } = "";
    public string Hostname { get; set; } = "";
}

/// <summary>Two descriptors come along with this message (SCM_RIGHTS): what the container's next start, which is to come soon, has as standard output and error where its log is <c>passthrough</c>.</summary>
public sealed record HandOverRequest
{
    /// <summary>How long they wait for the start.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public string Id { get; set; } = "";
}

/// <summary>Run one more process in a running container.</summary>
public sealed record ExecRequest
{
    public string Id { get; set; } = "";
    public string ExecId { get; set; } = "";
    public Process Process { get; set; } = new();
    public bool OpenStdin { get; set; }
    /// <summary>Kept and given back by List: what an engine that starts anew must know of the exec.</summary>
    public string? Note { get; set; }
}

/// <summary>Signal the container's init, one exec, or (All) every process of the container.</summary>
public sealed record SignalRequest { public string Id { get; set; } = ""; public string? ExecId { get; set; } public int Signal { get; set; } public bool All { get; set; } }

public sealed record ResizeRequest { public string Id { get; set; } = ""; public string? ExecId { get; set; } public uint Height { get; set; } public uint Width { get; set; } }

/// <summary>
/// Turn this connection into the streams of a container or exec. May come before Start or Exec: no output is lost then.
/// From the client: raw stdin bytes, half-close is end of input. To the client: with a terminal raw bytes, without one
/// Docker's multiplexed frames (stream 1 or 2, three zero bytes, 4-byte big-endian length). The response comes first.
/// The shim closes the connection when the process has exited and all output is sent.
/// </summary>
public sealed record AttachRequest { public string Id { get; set; } = ""; public string? ExecId { get; set; } public bool Stdin { get; set; } public bool Stdout { get; set; } public bool Stderr { get; set; } }

public sealed record FreezeRequest { public string Id { get; set; } = ""; public bool Frozen { get; set; } }
public sealed record UpdateRequest { public string Id { get; set; } = ""; public LinuxResources Resources { get; set; } = new(); }

/// <summary>Forget an exited container (or exec), ending what still runs of it, and remove its cgroup and runtime state. Idempotent.</summary>
public sealed record DeleteRequest { public string Id { get; set; } = ""; public string? ExecId { get; set; } }
public sealed record ListRequest;

/// <summary>Send a <see cref="ShimEvent"/> for each exit and OOM from now on, and first one for each exit not yet deleted.</summary>
public sealed record SubscribeRequest;

/// <summary>End the shim; refused while a container runs.</summary>
public sealed record ShutdownRequest;

/// <summary>Something happened to a process the shim watches.</summary>
public sealed record ShimEvent
{
    /// <summary><c>exit</c>, <c>oom</c>.</summary>
    public string Type { get; set; } = "";
    public string Id { get; set; } = "";
    public string? ExecId { get; set; }
    public int Pid { get; set; }
    /// <summary>0 to 255; 128+n when ended by signal n.</summary>
    public int ExitCode { get; set; }
    public bool OomKilled { get; set; }
    public DateTimeOffset At { get; set; }
    /// <summary>Why it ended, where that is not the process's own doing.</summary>
    public string? Error { get; set; }
    /// <summary>Lines a non-blocking log had to drop.</summary>
    public long? DroppedLines { get; set; }
}

/// <summary>A container the shim knows, running or exited and not yet deleted.</summary>
public sealed record ShimContainer
{
    public string Id { get; set; } = "";
    public string? ExecId { get; set; }
    /// <summary><c>running</c>, <c>paused</c>, <c>exited</c>.</summary>
    public string State { get; set; } = "";
    public int Pid { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public int ExitCode { get; set; }
    public bool OomKilled { get; set; }
    public DateTimeOffset? ExitedAt { get; set; }
    /// <summary>As <see cref="ShimEvent.Error"/>.</summary>
    public string? Error { get; set; }
    /// <summary>Lines a non-blocking log had to drop so far.</summary>
    public long? DroppedLines { get; set; }
    /// <summary>What the engine gave along with an exec (<see cref="ExecRequest.Note"/>).</summary>
    public string? Note { get; set; }
}
