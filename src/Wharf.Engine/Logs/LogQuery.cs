namespace Wharf.Engine.Logs;

/// <summary>What <c>logs</c> asks for.</summary>
public sealed record LogQuery
{
    /// <summary>The current file; rotated ones lie beside it as .1, .2 … (.gz).</summary>
    public required string Path { get; init; }
    public LogFormat Format { get; init; }
    public bool Stdout { get; init; } = true;
    public bool Stderr { get; init; } = true;
    /// <summary>How many lines from the end; null for all.</summary>
    public int? Tail { get; init; }
    /// <summary>Only lines at or after, respectively before, this time (nanoseconds of the Unix epoch).</summary>
    public long? Since { get; init; }
    public long? Until { get; init; }
    public bool Timestamps { get; init; }
    public bool Details { get; init; }
    /// <summary>True frames the output as docker's multiplexed stream; false (a terminal's log) gives it raw.</summary>
    public bool Multiplexed { get; init; } = true;
    /// <summary>Goes on with new lines until this ends (the container has stopped); null does not follow.</summary>
    public Task? FollowUntil { get; init; }
}

/// <summary>What a log file holds: lines of JSON, docker's framed protobuf of the <c>local</c> driver, or Kubernetes' lines.</summary>
public enum LogFormat { JsonFile, Local, K8sFile }
