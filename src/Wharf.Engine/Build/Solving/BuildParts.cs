using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Image;

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
    /// <summary>Times of what the build makes, in seconds since 1970; null for now.</summary>
    public long? SourceDateEpoch { get; init; }
    /// <summary>The image that the classic builder's next step stands on, for containers that stay.</summary>
    public Digest? StandsOn { get; set; }
    /// <summary>A directory of the exec root for this build's secrets and scripts, which never touch the disk.</summary>
    public required string RunDirectory { get; init; }
    /// <summary>A directory for what ADD fetches.</summary>
    public required string FetchDirectory { get; init; }

    /// <summary>Makes a layer; no collection takes it before the build holds it.</summary>
    public async Task<LayerInfo?> HeldAsync(Func<Task<LayerInfo?>> make)
    {
        using (Images.HoldLayersForStep())
        {
            var layer = await make();
            Request.Hold.Add(layer?.ChainId);
            return layer;
        }
    }

    /// <summary>Fetches what an ADD names by address into a directory, once for the build however many ask. Gives the directory, which holds a file or a repository's files.</summary>
    public Task<string> FetchAsync(CopyNode node, string address, CancellationToken cancellation)
    {
        var key = $"{address} {node.Checksum} {node.KeepGitDirectory}";
        lock (_fetched) return _fetched.TryGetValue(key, out var fetching) ? fetching : _fetched[key] = FetchNewAsync(node, address, cancellation);
    }

    private async Task<string> FetchNewAsync(CopyNode node, string address, CancellationToken cancellation)
    {
        var directory = Path.Combine(FetchDirectory, Guid.NewGuid().ToString("n"));
        await AddStep.FetchAsync(Request, address, node.Checksum, node.KeepGitDirectory, directory, cancellation);
        return directory;
    }

    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _touched = new();

    /// <summary>What became of the steps that the build came to.</summary>
    public System.Collections.Concurrent.ConcurrentDictionary<BuildNode, Caching.StepFate> Fates { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>Notes that a result of the cache was used.</summary>
    public void Touch(string key) => _touched.Enqueue(key);

    /// <summary>Writes down which results were used, all at once: one transaction a build, not one a step.</summary>
    public void WriteTouched()
    {
        if (!_touched.IsEmpty) Cache.Touch(_touched, DateTimeOffset.UtcNow);
    }

    private readonly Dictionary<string, Task<string>> _fetched = new(StringComparer.Ordinal);

    /// <summary>Seconds since 1970 for files the build itself makes.</summary>
    public long Now => SourceDateEpoch ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds();
}

/// <summary>A step failed by itself: its process ended with an error. Carries what docker's clients show.</summary>
public sealed class BuildStepException(BuildNode node, string message, int exitCode) : Exception(message)
{
    public BuildNode Node { get; } = node;
    public int ExitCode { get; } = exitCode;
    /// <summary>The step's container, where it is kept.</summary>
    public string? Container { get; init; }
    /// <summary>What the process had and wrote, where the build's client may look at it.</summary>
    public Debugging.FailedStep? State { get; internal set; }
}
