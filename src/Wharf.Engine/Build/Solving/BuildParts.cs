using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;

namespace Wharf.Engine.Build.Solving;

/// <summary>What the steps of one build work with.</summary>
internal sealed record BuildParts
{
    public required DaemonOptions Options { get; init; }
    public required SnapshotService Snapshots { get; init; }
    public required ImageService Images { get; init; }
    public required ContainerService Containers { get; init; }
    public required BuildCacheStore Cache { get; init; }
    public required CacheMounts CacheMounts { get; init; }
    public required BuildRequest Request { get; init; }
    public required BuildContexts Contexts { get; init; }
    /// <summary>A directory of the exec root for this build's secrets and scripts, which never touch the disk.</summary>
    public required string RunDirectory { get; init; }
    /// <summary>A directory for what ADD fetches.</summary>
    public required string FetchDirectory { get; init; }

    /// <summary>Seconds since 1970 for files the build itself makes.</summary>
    public long Now => Request.SourceDateEpoch ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds();
}

/// <summary>A step failed by itself: its process ended with an error. Carries what docker's clients show.</summary>
public sealed class BuildStepException(BuildNode node, string message, int exitCode) : Exception(message)
{
    public BuildNode Node { get; } = node;
    public int ExitCode { get; } = exitCode;
}
