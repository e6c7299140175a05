using System.Text.Json;
using Wharf.Engine.Archive;
using Wharf.Engine.Images;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

/// <summary>What <c>docker commit</c> is told.</summary>
public sealed record CommitOptions
{
    /// <summary>Name for the image, with its tag; null for none.</summary>
    public string? Reference { get; init; }
    public string? Author { get; init; }
    public string? Comment { get; init; }
    /// <summary>Freeze the container while its files are read.</summary>
    public bool Pause { get; init; } = true;
    public IReadOnlyList<string> Changes { get; init; } = [];
    /// <summary>Configuration that takes precedence over the container's.</summary>
    public ContainerConfig? Config { get; init; }
}

public sealed partial class ContainerService
{
    /// <summary>Makes an image of a container: its image's layers and one more with what it changed.</summary>
    public async Task<Digest> CommitAsync(string nameOrId, CommitOptions options, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        var name = options.Reference is { } given ? ImageReference.Parse(given) : null;
        var parent = container.Document.ImageId.Length == 0 ? null : await _images.GetAsync(container.Document.ImageId, null, cancellation);
        // The container of a build's step stands on layers that are no image.
        var below = parent is null && container.Document.ChainId is { } chain ? Digest.Parse(chain) : parent?.ChainId;
        // Tried on a copy first: a bad instruction must not cost a pause and a layer.
        var config = CommittedConfig(container.Config, options.Config);
        var image = new OciImage { Config = config };
        ImageChange.ApplyAll(image, options.Changes);
        using var held = await _images.HoldLayersAsync(cancellation);
        var layer = await CommitLayerAsync(container, below, options.Pause, cancellation);
        var now = Time(DateTimeOffset.UtcNow);
        var record = await _images.CreateNamedAsync(new OciImage
        {
            Created = now,
            Author = options.Author is { Length: > 0 } author ? author : null,
            Comment = options.Comment is { Length: > 0 } comment ? comment : null,
            Architecture = parent?.Config.Architecture ?? _host.Architecture,
            Variant = parent?.Config.Variant,
            Os = parent?.Config.Os ?? "linux",
            Config = image.Config,
            Container = container.Id,
            ContainerConfig = JsonSerializer.SerializeToElement(container.Config, DockerApiJson.Default.ContainerConfig),
            RootFs = new RootFs { DiffIds = [.. parent is null ? _snapshots.DiffIds(below) : parent.Config.RootFs?.DiffIds ?? [], .. layer is null ? Array.Empty<Digest>() : [layer.DiffId]] },
            History =
            [
                .. parent?.Config.History ?? [],
                new HistoryEntry
                {
                    Created = now, Author = options.Author is { Length: > 0 } by ? by : null, Comment = options.Comment is { Length: > 0 } why ? why : null,
                    CreatedBy = string.Join(' ', [container.Document.Path, .. container.Document.Args]), EmptyLayer = layer is null ? true : null,
                },
            ],
        }, parent?.Id, name is null ? [] : [name.Familiar], cancellation);
        Publish(container, "commit", ("comment", options.Comment ?? ""), ("imageID", record.Id.ToString()), ("imageRef", name?.WithDefaultTag().Familiar ?? ""));
        return record.Id;
    }

    /// <summary>The writable layer as a committed one; null when nothing was changed.</summary>
    private async Task<LayerInfo?> CommitLayerAsync(Container container, Digest? parent, bool pause, CancellationToken cancellation)
    {
        using (await container.Gate.EnterAsync(cancellation))
        {
            bool frozen = pause && _host.HasCgroups && container.State.Status == ContainerStatus.Running;
            if (frozen)
            {
                await FreezeAsync(container, frozen: true);
                Publish(container, "pause");
            }
            try
            {
                if (_snapshots.Changes(container.Id).Count == 0) return null;
                return await Piped.RunAsync(output => _snapshots.WriteChangesTarAsync(container.Id, output, cancellation), tar => _snapshots.ApplyAsync(parent, null, tar, cancellation));
            }
            finally
            {
                if (frozen)
                {
                    await FreezeAsync(container, frozen: false);
                    Publish(container, "unpause");
                }
            }
        }
    }

    private static OciImageConfig CommittedConfig(ContainerConfig container, ContainerConfig? given)
    {
        // A body without any field is none.
        var config = given is null || given == new ContainerConfig() ? container : ConfigOver(given, container);
        return new OciImageConfig
        {
            User = config.User is { Length: > 0 } user ? user : null,
            ExposedPorts = Keys(config.ExposedPorts),
            // A copy: changes are made to the image, not to the container.
            Env = config.Env is { Count: > 0 } ? [.. config.Env] : null,
            Entrypoint = config.Entrypoint,
            Cmd = config.Cmd,
            ArgsEscaped = config.ArgsEscaped is true ? true : null,
            OnBuild = config.OnBuild is { Count: > 0 } ? config.OnBuild : null,
            Volumes = Keys(config.Volumes),
            WorkingDir = config.WorkingDir is { Length: > 0 } directory ? directory : null,
            Labels = config.Labels is { Count: > 0 } ? new(config.Labels) : null,
            StopSignal = config.StopSignal,
            Shell = config.Shell,
            Healthcheck = config.Healthcheck is { } health ? new Healthcheck
            {
                Test = health.Test, Interval = health.Interval, Timeout = health.Timeout, StartPeriod = health.StartPeriod, StartInterval = health.StartInterval, Retries = (int?)health.Retries,
            } : null,
        };
    }

    private static ContainerConfig ConfigOver(ContainerConfig given, ContainerConfig container) => container with
    {
        User = given.User is { Length: > 0 } ? given.User : container.User,
        Env = Config.ConfigMerge.MergeEnvironment(given.Env, container.Env),
        Cmd = given.Cmd is { Count: > 0 } ? given.Cmd : container.Cmd,
        Entrypoint = given.Entrypoint is { Count: > 0 } ? given.Entrypoint : container.Entrypoint,
        WorkingDir = given.WorkingDir is { Length: > 0 } ? given.WorkingDir : container.WorkingDir,
        ExposedPorts = Both(given.ExposedPorts, container.ExposedPorts),
        Volumes = Both(given.Volumes, container.Volumes),
        Labels = Both(given.Labels, container.Labels),
        // Of these docker takes the request's alone.
        OnBuild = given.OnBuild,
        Shell = given.Shell,
        ArgsEscaped = given.ArgsEscaped,
        StopSignal = given.StopSignal is { Length: > 0 } ? given.StopSignal : container.StopSignal,
        Healthcheck = given.Healthcheck ?? container.Healthcheck,
    };

    private static Dictionary<string, T>? Both<T>(Dictionary<string, T>? first, Dictionary<string, T>? second)
    {
        if (first is not { Count: > 0 }) return second;
        var both = new Dictionary<string, T>(second ?? []);
        foreach (var (key, value) in first) both[key] = value;
        return both;
    }

    private static Dictionary<string, JsonElement>? Keys(Dictionary<string, EmptyObject>? set)
    {
        if (set is not { Count: > 0 }) return null;
        using var empty = JsonDocument.Parse("{}");
        var element = empty.RootElement.Clone();
        return set.Keys.ToDictionary(key => key, _ => element);
    }
}
