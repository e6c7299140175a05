using Wharf.Engine.Build.Planning;
using Wharf.Specs.Build;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>What to build and how, whichever front door asked.</summary>
public sealed record BuildRequest
{
    public required string DockerfileText { get; init; }
    /// <summary>What is the same in the next build of the same thing: a key of the client's directory, or the image's name. Empty when nothing is.</summary>
    public string Name { get; init; } = "";
    /// <summary>The Dockerfile's name in the context, for messages.</summary>
    public string DockerfileName { get; init; } = "Dockerfile";
    /// <summary>Build arguments; a null value means: not set by the caller.</summary>
    public IReadOnlyDictionary<string, string?> Arguments { get; init; } = new Dictionary<string, string?>();
    /// <summary>Name or number of the stage to build; empty for the last.</summary>
    public string Target { get; init; } = "";
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    public bool NoCache { get; init; }
    /// <summary>Names of stages whose steps are always run.</summary>
    public IReadOnlyList<string> NoCacheStages { get; init; } = [];
    /// <summary>Build as docker did before BuildKit: step by step, each step an image, the images the cache.</summary>
    public bool Classic { get; init; }
    /// <summary>Images that the classic builder may take steps from; empty for those that are here anyway.</summary>
    public IReadOnlyList<string> CacheFrom { get; init; } = [];
    public BasePull Pull { get; init; }
    public Platform? Platform { get; init; }
    /// <summary>Names for the image.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];
    /// <summary>Limits, network mode, extra hosts and ulimits of RUN steps.</summary>
    public HostConfig RunConfig { get; init; } = new();
    /// <summary>Credentials of a registry by its host; null for none.</summary>
    public Func<string, CancellationToken, Task<AuthConfig?>> Credentials { get; init; } = (_, _) => Task.FromResult<AuthConfig?>(null);
    /// <summary>
    /// What names in FROM and <c>--from</c> stand for other than what the Dockerfile says: <c>docker-image://reference</c>, or <c>local:name</c> for a
    /// directory that <see cref="BuildContexts"/> opens by that name.
    /// </summary>
    public IReadOnlyDictionary<string, string> NamedContexts { get; init; } = new Dictionary<string, string>();
    /// <summary>Bytes of a secret by its ID; null when the caller has none of that name.</summary>
    public Func<string, CancellationToken, Task<byte[]?>> Secrets { get; init; } = (_, _) => Task.FromResult<byte[]?>(null);
    /// <summary>Path of a unix socket that leads to the caller's SSH agent of an ID; null when there is none.</summary>
    public Func<string, CancellationToken, Task<string?>> SshAgents { get; init; } = (_, _) => Task.FromResult<string?>(null);
    /// <summary>What the ignore file of the main context keeps away; asked for only where a lint rule compares with it.</summary>
    public Func<CancellationToken, Task<IgnorePatterns>>? Ignored { get; init; }
    /// <summary>Where warnings go for a caller that wants them, those of all stages, also when the build cannot be planned; null for one that only builds.</summary>
    public Linting.LintReport? Lint { get; init; }
    /// <summary>The caller allows <c>RUN --security=insecure</c>; the daemon must allow it too.</summary>
    public bool Insecure { get; init; }
    /// <summary>The devices that the caller allows <c>RUN --device</c>.</summary>
    public DeviceGrants Devices { get; init; } = DeviceGrants.None;
    /// <summary>Results of steps that came from elsewhere, by the steps' keys.</summary>
    public Dictionary<string, Caching.ImportedStep> Imported { get; } = new(StringComparer.Ordinal);
    /// <summary>What the build keeps from being collected; the caller lets go when the result is stored or sent.</summary>
    public required BuildHold Hold { get; init; }
    /// <summary>The caller allows <c>RUN --network=host</c>.</summary>
    public bool HostNetwork { get; init; } = true;
    /// <summary>Containers of RUN steps stay when the step has ended well.</summary>
    public bool KeepContainers { get; init; }
    /// <summary>The container of a RUN step that failed stays.</summary>
    public bool KeepFailedContainer { get; init; }
    /// <summary>Takes the RUN steps that failed, to dispose of them before the hold; null where nobody will look at them.</summary>
    public Action<Debugging.FailedStep>? TakeFailed { get; init; }
    /// <summary>All of the build's own layers into one.</summary>
    public bool Squash { get; init; }
    /// <summary>When a context was changed last, by its name in <see cref="BuildContexts"/> (the main one's is empty); null where that tells nothing, as with directories of the client.</summary>
    public Func<string, CancellationToken, Task<DateTimeOffset?>> ContextTime { get; init; } = static (_, _) => Task.FromResult<DateTimeOffset?>(null);
}

/// <summary>Where the search for a base image is told: what a pull says, and the end, with an error if it failed.</summary>
public readonly record struct BaseImageReport(IProgress<JsonMessage> Progress, Action<Exception?> End);

/// <summary>What a build made.</summary>
public sealed record BuildResult(Digest ImageId);

/// <summary>A target whose file system is there: the image's document, its layers, lowest first, and the plan it came from.</summary>
public sealed record SolvedTarget(OciImage Image, NodeResult Root, BuildPlan Plan, BuildRequest Request);
