using System.Text.Json;
using Wharf.Engine.Build.Planning;
using Wharf.Engine.Build.Solving;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Classic;

/// <summary>The image that a step comes to, less what only doing it tells.</summary>
internal sealed record StepImage(ImageRecord? Below, string CreatedBy, OciImageConfig Config, Platform Platform, string? Author)
{
    private readonly byte[] _config = Text(Config);

    public string? Author { get; } = Author is { Length: > 0 } ? Author : null;

    /// <summary>Whether an image that stands on the same one is this step's: made by the same, with the same configuration.</summary>
    public bool Is(OciImage image)
    {
        int below = Below?.Config.History?.Count ?? 0;
        return image.History?.Count == below + 1 && image.History[below].CreatedBy == CreatedBy && image.Author == Author && image.Os == Platform.Os && image.Architecture == Platform.Architecture
            && Text(image.Config ?? new OciImageConfig()).AsSpan().SequenceEqual(_config);
    }

    /// <summary>Names the step among those of one build.</summary>
    public string Key => $"{Below?.Id} {CreatedBy} {Author} {Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(_config))}";

    private static byte[] Text(OciImageConfig config) => JsonSerializer.SerializeToUtf8Bytes(new OciImage { Config = config }, ImageJson.Plain.OciImage);
}

/// <summary>The images of the classic builder's steps: they are its cache.</summary>
internal sealed class StepImages(BuildParts parts)
{
    private readonly List<ImageRecord> _sources = [];

    private BuildRequest Request => parts.Request;
    private ImageService Images => parts.Images;

    /// <summary>Looks up the images that steps may be taken from. Those that are not here are passed over, as in docker.</summary>
    public async Task OpenAsync(CancellationToken cancellation)
    {
        foreach (var name in Request.CacheFrom)
        {
            try { _sources.Add(await Images.GetAsync(name, null, cancellation)); }
            catch (WharfException error) when (error.Kind is ErrorKind.NotFound or ErrorKind.InvalidArgument) { continue; }
            Request.Hold.Add(_sources[^1].ChainId);
        }
    }

    /// <summary>The image that a step came to before; the newest of several.</summary>
    public async Task<ImageRecord?> FindAsync(StepImage step, CancellationToken cancellation)
    {
        ImageRecord? found = null;
        foreach (var image in await Images.ChildrenAsync(step.Below?.Id, cancellation))
            if (step.Is(image.Config) && string.CompareOrdinal(image.Config.Created, found?.Config.Created) >= 0) found = image;
        if (Request.CacheFrom.Count > 0 && (found is null || !_sources.Exists(source => Images.IsAbove(source.Id, found.Id)))) found = await RestoreAsync(step, cancellation);
        return found is not null && await Images.KeepAsync(found.Id, Request.Hold, cancellation) ? found : null;
    }

    /// <summary>Adds the image of a step that was done.</summary>
    public async Task<ImageRecord> AddAsync(StepImage step, IReadOnlyList<Digest> layers, string? container, CancellationToken cancellation)
    {
        var now = BuildPlanner.Timestamp(DateTimeOffset.UtcNow);
        bool isEmpty = layers.Count == (step.Below?.Config.RootFs?.DiffIds.Count ?? 0);
        var entry = new HistoryEntry { Created = now, CreatedBy = step.CreatedBy, Author = step.Author, EmptyLayer = isEmpty ? true : null };
        return await AddAsync(step, [.. layers], entry, now, container, cancellation);
    }

    private async Task<ImageRecord> AddAsync(StepImage step, List<Digest> layers, HistoryEntry entry, string? created, string? container, CancellationToken cancellation)
    {
        var document = new OciImage
        {
            Created = created, Author = step.Author, Architecture = step.Platform.Architecture, Variant = step.Platform.Variant, Os = step.Platform.Os, Config = step.Config,
            RootFs = new RootFs { DiffIds = layers }, History = [.. step.Below?.Config.History ?? [], entry], Container = container,
        };
        // Before it is there, so that no prune comes between.
        Request.Hold.Add(Digest.OfBytes(JsonSerializer.SerializeToUtf8Bytes(document, ImageJson.Plain.OciImage)));
        return await Images.CreateAsync(document, step.Below?.Id, cancellation);
    }

    /// <summary>
    /// The step as a named image had it, which came without the images of its steps (by pull or load): the history tells what was done and the layers what
    /// came of it. The step's image is made anew, or is the named image itself where it ends with the step.
    /// </summary>
    private async Task<ImageRecord?> RestoreAsync(StepImage step, CancellationToken cancellation)
    {
        var history = step.Below?.Config.History ?? [];
        var layers = step.Below?.Config.RootFs?.DiffIds ?? [];
        foreach (var source in _sources)
        {
            var (told, given) = (source.Config.History ?? [], source.Config.RootFs?.DiffIds ?? []);
            if (told.Count <= history.Count || told[history.Count].CreatedBy != step.CreatedBy || !told.Take(history.Count).SequenceEqual(history)) continue;
            bool isEmpty = told[history.Count].EmptyLayer == true;
            if (given.Count < layers.Count + (isEmpty ? 0 : 1) || !given.Take(layers.Count).SequenceEqual(layers)) continue;
            if (told.Count == history.Count + 1)
            {
                if (step.Below is { } below) Images.Adopt(source.Id, below.Id);
                return source;
            }
            return await AddAsync(step, [.. given.Take(layers.Count + (isEmpty ? 0 : 1))], told[history.Count], told[history.Count].Created, null, cancellation);
        }
        return null;
    }
}
