using Microsoft.Extensions.Logging;
using Wharf.Engine.Archive;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Containers;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Engine.State;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build;

/// <summary>
/// Builds images from Dockerfiles. One builder for every front door: <see cref="PlanAsync"/> makes the graph, <see cref="Begin"/> runs
/// what it needs of it, and the nodes tell their progress meanwhile.
/// </summary>
public sealed partial class BuildService
{
    /// <summary>How the keys of a build's writable layers begin.</summary>
    internal const string WritablePrefix = "build-";

    private readonly ILogger _log;
    private readonly DaemonOptions _options;
    private readonly SnapshotService _snapshots;
    private readonly ImageService _images;
    private readonly ContainerService _containers;
    private readonly BuildCacheStore _cache;
    private readonly CacheMounts _cacheMounts;
    private readonly Caching.StepReasons _reasons;
    private readonly StepFlights _flights = new();
    private readonly string _directory, _runDirectory;

    public BuildService(DaemonOptions options, StateStore state, SnapshotService snapshots, ImageService images, ContainerService containers, ILogger<BuildService> log)
    {
        _log = log;
        (_options, _snapshots, _images, _containers) = (options, snapshots, images, containers);
        _cache = new BuildCacheStore(state);
        _reasons = new Caching.StepReasons(state);
        _directory = Path.Combine(options.DataRoot, "build");
        _runDirectory = Path.Combine(options.ExecRoot, "build");
        _cacheMounts = new CacheMounts(Path.Combine(_directory, "cache"));
        _directories = [_cacheMounts];
    }

    /// <summary>How the last build went and why; null when there was none.</summary>
    public Specs.DockerApi.BuildReport? LastReport() => _reasons.Last();

    /// <summary>Stacks of layers that the cache keeps.</summary>
    public IEnumerable<Digest> CachedChains()
    {
        var known = new HashSet<Digest>();
        foreach (var step in _cache.All())
            if (step.ChainId is { } chain && known.Add(chain)) yield return chain;
    }

    /// <summary>Frees what builds of a killed daemon left. Their RUN containers are removed with the containers.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        foreach (var key in _snapshots.WritableKeys(WritablePrefix)) await _snapshots.RemoveWritableAsync(key, cancellation);
        foreach (var directory in new[] { Path.Combine(_directory, "context"), Path.Combine(_directory, "fetch"), _runDirectory })
            RemoveContext(directory);
    }

    /// <summary>A new empty directory for a build's context; <see cref="RemoveContext"/> when the build is over.</summary>
    public string MakeContextDirectory() => Directory.CreateDirectory(Path.Combine(_directory, "context", Guid.NewGuid().ToString("n"))).FullName;

    public static void RemoveContext(string path)
    {
        if (Directory.Exists(path)) TreeRemoval.Remove(path);
    }

    /// <summary>Takes a hold for a new build, to be disposed when its result is stored or sent.</summary>
    public BuildHold Hold() => new(_images.TakeLease());

    /// <summary>Only reads a Dockerfile; a <see cref="Language.DockerfileException"/> tells what is wrong.</summary>
    public static Language.Dockerfile Parse(string text, string name) => Language.DockerfileParser.Parse(text, name);

    /// <summary>Makes the graph; base images are pulled where needed, with messages to <paramref name="progress"/>.</summary>
    public Task<BuildPlan> PlanAsync(BuildRequest request, IProgress<JsonMessage> progress, CancellationToken cancellation) =>
        PlanAsync(request, _ => new BaseImageReport(progress, static _ => { }), cancellation);

    /// <summary>As above, each base image told of by itself.</summary>
    public Task<BuildPlan> PlanAsync(BuildRequest request, Func<string, BaseImageReport> report, CancellationToken cancellation)
    {
        foreach (var tag in request.Tags) ImageReference.Parse(tag);
        return new BuildPlanner(request, (name, platform, cancel) => BaseImageAsync(request, name, platform, report, cancel), _containers.Devices)
        {
            AddressTime = (address, checksum, cancel) => AddressTimeAsync(request, address, checksum, cancel),
        }.PlanAsync(cancellation);
    }

    /// <summary>The image a FROM names: the one that is here, unless a fresh one was asked for or there is none.</summary>
    private async Task<ImageRecord> BaseImageAsync(BuildRequest request, string name, Platform? platform, Func<string, BaseImageReport> report, CancellationToken cancellation)
    {
        var told = report(ImageReference.TryParse(name, out var parsed) ? parsed.WithDefaultTag().Canonical : name);
        try
        {
            var image = await BaseImageAsync(request, name, platform, told.Progress, cancellation);
            told.End(null);
            return image;
        }
        catch (Exception error)
        {
            told.End(error);
            throw;
        }
    }

    private async Task<ImageRecord> BaseImageAsync(BuildRequest request, string name, Platform? platform, IProgress<JsonMessage> progress, CancellationToken cancellation)
    {
        ImageRecord? here = null;
        if (request.Pull != BasePull.Always)
        {
            try
            {
                here = await _images.GetAsync(name, platform, cancellation);
                request.Hold.Add(here.ChainId);
                // Gone in this moment: as if it had never been.
                if (here.ChainId is { } chain && !_snapshots.Exists(chain)) here = null;
                else _images.MarkUsed(here.Id);
            }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound && request.Pull != BasePull.Never)
            {
                // Not here: it is pulled.
            }
            if (here is not null && request.Pull != BasePull.Newer) return here;
        }
        var reference = ImageReference.Parse(name).WithDefaultTag();
        try
        {
            var pulled = await _images.PullAsync(reference.Familiar, platform, await request.Credentials(reference.Domain, cancellation), progress, cancellation);
            request.Hold.Add(pulled.ChainId);
            return pulled;
        }
        catch (WharfException error) when (here is not null)
        {
            progress.Report(new JsonMessage { Status = $"{reference.Familiar}: what is here is used: {error.Message}" });
            return here;
        }
        catch (WharfException error) when (!request.Classic)
        {
            // BuildKit looks for the image before it pulls anything, and tells that it did.
            const string Asked = "Get \"http";
            var why = error.Message;
            if (why.StartsWith(Asked, StringComparison.Ordinal) && why.IndexOf("\": ", StringComparison.Ordinal) is > 0 and var end)
                why = $"failed to do request: Head \"{why[5..end].TrimEnd('/')}/{reference.Path}/manifests/{reference.Digest?.ToString() ?? reference.Tag}{why[end..]}";
            throw new WharfException(error.Kind, $"{name}: failed to resolve source metadata for {reference.Canonical}: {why}", error);
        }
    }

    /// <summary>Makes a plan ready to be run. Progress is told by the plan's nodes.</summary>
    public BuildRun Begin(BuildRequest request, BuildPlan plan, BuildContexts contexts, CancellationToken cancellation)
    {
        var parts = Parts(request, contexts) with { SourceDateEpoch = plan.SourceDateEpoch };
        return new BuildRun(new BuildSolver(parts, _flights), plan, async result => new SolvedTarget(await ImageOfAsync(plan, result), result, plan, request), () =>
        {
            parts.WriteTouched();
            if (request.Name.Length > 0) _reasons.Write(request, plan, parts.Fates);
            RemoveContext(parts.RunDirectory);
            RemoveContext(parts.FetchDirectory);
            CollectLater();
        }, cancellation);
    }

    /// <summary>Puts what was built among the images, under its names.</summary>
    public async Task<BuildResult> StoreAsync(SolvedTarget solved, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        var image = await _images.CreateNamedAsync(solved.Image, null, tags, cancellation);
        return new BuildResult(image.Id);
    }

    /// <summary>
    /// The image's document: configuration, layers, and a history in which steps that changed nothing have no layer. Times are those at which
    /// layers were made, so that a build wholly from the cache gives the same image again.
    /// </summary>
    private static async Task<OciImage> ImageOfAsync(BuildPlan plan, NodeResult result)
    {
        var stage = plan.Target;
        var history = new List<HistoryEntry>();
        foreach (var (entry, node) in stage.History)
        {
            var made = node is null ? null : await node.Progress.Completed;
            var created = plan.SourceDateEpoch is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : made?.CreatedAt;
            history.Add(entry with { Created = entry.Created ?? (created is { } time ? BuildPlanner.Timestamp(time) : null), EmptyLayer = made?.Empty == true ? true : entry.EmptyLayer });
        }
        FillTimes(history, stage);
        return new OciImage
        {
            Created = history.LastOrDefault()?.Created, Author = stage.Author, Architecture = stage.Platform.Architecture, Variant = stage.Platform.Variant, Os = stage.Platform.Os,
            Config = Finished(stage.Config), RootFs = new RootFs { DiffIds = [.. result.DiffIds] }, History = history,
        };
    }

    /// <summary>The configuration as a build writes it: nothing that stands for nothing, and none of the base's members that no specification knows.</summary>
    internal static OciImageConfig Finished(OciImageConfig config) => config with { User = config.User is "" ? null : config.User, WorkingDir = config.WorkingDir is "" ? null : config.WorkingDir, Unknown = null };

    /// <summary>The image that a plan will give, as far as it is known before anything has run: without layers and times.</summary>
    public static OciImage PlannedImage(BuildPlan plan)
    {
        var stage = plan.Target;
        return new OciImage { Author = stage.Author, Architecture = stage.Platform.Architecture, Variant = stage.Platform.Variant, Os = stage.Platform.Os, Config = stage.Config, RootFs = new RootFs(), History = [.. stage.History.Select(entry => entry.Entry)] };
    }

    /// <summary>Entries without a layer get the time of the one before, those before the first new layer that layer's.</summary>
    private static void FillTimes(List<HistoryEntry> history, PlannedStage stage)
    {
        int first = history.FindIndex(entry => entry.Created is null);
        if (first < 0) return;
        var time = history.Skip(first).Select(entry => entry.Created).FirstOrDefault(created => created is not null)
            ?? (first > 0 ? history[first - 1].Created : null) ?? stage.BaseImage?.Config.Created ?? BuildPlanner.Timestamp(DateTimeOffset.UnixEpoch);
        for (int i = first; i < history.Count; i++)
        {
            if (history[i].Created is { } known) time = known;
            else history[i] = history[i] with { Created = time };
        }
    }
}
