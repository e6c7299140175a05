using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Content;
using Wharf.Engine.Events;
using Wharf.Engine.Snapshots;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// Images: resolving, listing, making, tagging and removing them, and their way in and out (pull, push, load, save, import). An
/// image is its configuration document; its layers are snapshots. Split by verb.
/// </summary>
public sealed partial class ImageService
{
    private readonly DaemonOptions _options;
    private readonly ImageStore _store;
    private readonly ContentStore _content;
    private readonly SnapshotService _snapshots;
    private readonly EventService _events;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<Digest, OciImage> _configs = new();
    // What is being added holds leases; removing and collecting happen one at a time.
    private readonly Leases _leases = new();
    private readonly SemaphoreSlim _removing = new(1, 1);
    private readonly TransferSlots _downloads, _uploads;

    public ImageService(DaemonOptions options, ImageStore store, ContentStore content, SnapshotService snapshots, EventService events, ILoggerFactory logs)
    {
        (_options, _store, _content, _snapshots, _events, _log) = (options, store, content, snapshots, events, logs.CreateLogger("Wharf.Images"));
        (_downloads, _uploads) = (new TransferSlots(() => options.MaxConcurrentDownloads), new TransferSlots(() => options.MaxConcurrentUploads));
        content.RemoveTemporaries();
        _leases.Released = () => _ = CollectLaterAsync();
    }

    /// <summary>Which containers use an image, and whether they run. Set by the wiring.</summary>
    public Func<Digest, IReadOnlyList<(string ContainerId, bool Running)>> UsersOf { get; set; } = _ => [];

    /// <summary>Chain IDs that others need (build cache), kept when unused snapshots are collected. Set by the wiring.</summary>
    public Func<IEnumerable<Digest>> OtherChains { get; set; } = () => [];

    private bool IsAmbiguous(string prefix) => prefix.Length > 0 && !prefix.AsSpan().ContainsAnyExcept("0123456789abcdef") && _store.WithPrefix(prefix).Count > 1;

    /// <summary>Finds an image by name, name@digest, ID or unique ID prefix; NotFound <c>No such image: NAME</c> as docker says it.</summary>
    public async Task<ImageRecord> GetAsync(string nameOrId, Platform? platform, CancellationToken cancellation)
    {
        var id = Find(nameOrId) ?? throw Missing(nameOrId);
        return platform is null ? await RecordAsync(id, cancellation) : await ForPlatformAsync(nameOrId, id, platform, cancellation);
    }

    /// <summary>How many images there are.</summary>
    public Task<int> CountAsync(CancellationToken cancellation) => Task.FromResult(_store.All().Count);

    private Digest? Find(string nameOrId)
    {
        if (Digest.TryParse(nameOrId, out var full)) return _store.Exists(full) ? full : null;
        var hex = nameOrId.StartsWith("sha256:", StringComparison.Ordinal) ? nameOrId[7..] : nameOrId;
        bool isHex = hex.Length is > 0 and <= 64 && !hex.AsSpan().ContainsAnyExcept("0123456789abcdef");
        if (hex.Length == 64 && isHex) return _store.Exists(Digest.Parse("sha256:" + hex)) ? Digest.Parse("sha256:" + hex) : null;
        if (ImageReference.TryParse(nameOrId, out var reference))
        {
            var found = reference.Digest is { } digest ? _store.ByDigest(reference.Repository, digest) : _store.ByName(reference.WithDefaultTag().Canonical);
            if (found is not null) return found;
        }
        if (!isHex) return null;
        // Of several dockerd says that there is no such image; only a save calls it ambiguous.
        var matches = _store.WithPrefix(hex);
        return matches.Count == 1 ? matches[0] : null;
    }

    /// <summary>The error for an image that is not here: of a name that cannot be one, why.</summary>
    private static WharfException Missing(string nameOrId)
    {
        if (nameOrId.Length == 64 && !nameOrId.AsSpan().ContainsAnyExcept("0123456789abcdef")) nameOrId = "sha256:" + nameOrId;
        return WharfException.NotFound($"No such image: {(Digest.TryParse(nameOrId, out _) ? nameOrId : ImageReference.Parse(nameOrId).WithDefaultTag().Familiar)}");
    }

    private async Task<ImageRecord> RecordAsync(Digest id, CancellationToken cancellation)
    {
        var config = await ConfigAsync(id, cancellation);
        return new ImageRecord(id, config, [.. _store.NamesOf(id).Select(name => name.Familiar)], [.. _store.DigestsOf(id).Select(entry => $"{FamiliarOf(entry.Repository)}@{entry.Digest}")]);
    }

    private static string FamiliarOf(string repository) => ImageReference.Parse(repository).FamiliarRepository;

    private async Task<OciImage> ConfigAsync(Digest id, CancellationToken cancellation)
    {
        // Documents are read once; each caller gets its own copy of the record, as they may change it.
        if (!_configs.TryGetValue(id, out var config))
        {
            config = ParseConfig(await _content.ReadAsync(id, _options.Limits.MaxImageConfig, cancellation));
            _configs.TryAdd(id, config);
        }
        return config;
    }

    internal static OciImage ParseConfig(ReadOnlySpan<byte> json)
    {
        try
        {
            var image = JsonSerializer.Deserialize(json, ImageJson.Default.OciImage) ?? throw WharfException.Invalid("the image configuration is empty");
            if (image.RootFs is { Type: not "layers" } other) throw WharfException.Invalid($"the image configuration has an unknown rootfs type \"{other.Type}\"");
            return image;
        }
        catch (JsonException error) { throw WharfException.Invalid($"the image configuration is not valid: {error.Message}", error); }
    }

    /// <summary>Stores an image made here (build, import) over layers already applied.</summary>
    public Task<ImageRecord> CreateAsync(OciImage config, CancellationToken cancellation) => CreateAsync(config, null, cancellation);

    /// <summary>Stores an image made here over layers already applied; <paramref name="parent"/> is the image it was made from (commit).</summary>
    public async Task<ImageRecord> CreateAsync(OciImage config, Digest? parent, CancellationToken cancellation)
    {
        using var lease = _leases.Take();
        var record = await AddAsync(config, lease, cancellation);
        if (parent is { } from && from != record.Id) _store.SetParent(record.Id, from);
        return record;
    }

    /// <summary>The images made from one; of null, those that are made from nothing. Their names are not looked for.</summary>
    internal async Task<List<ImageRecord>> ChildrenAsync(Digest? parent, CancellationToken cancellation)
    {
        var children = new List<ImageRecord>();
        foreach (var id in parent is { } from ? _store.ChildrenOf(from) : _store.Orphans()) children.Add(new ImageRecord(id, await ConfigAsync(id, cancellation), [], []));
        return children;
    }

    /// <summary>Keeps an image that is here for a build, so that no prune takes it; false when it is gone.</summary>
    internal async Task<bool> KeepAsync(Digest image, Build.BuildHold hold, CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try
        {
            hold.Add(image);
            MarkUsed(image);
            return _store.Exists(image);
        }
        finally { _removing.Release(); }
    }

    /// <summary>Keeps an image from every prune until disposed. NotFound when it has just gone.</summary>
    internal IDisposable Keep(Digest image)
    {
        var lease = _leases.Take();
        lease.Add(image);
        if (_store.Exists(image)) return lease;
        lease.Dispose();
        throw Missing(image.ToString());
    }

    private bool IsHeld(Digest image)
    {
        lock (_leases.Sync) return _leases.Held.Contains(image);
    }

    /// <summary>Whether an image was made from another, however many lie between them.</summary>
    internal bool IsAbove(Digest image, Digest below)
    {
        for (var parent = _store.ParentOf(image); parent is { } id; parent = _store.ParentOf(id))
            if (id == below) return true;
        return false;
    }

    /// <summary>Says what an image was made from, if nobody knew.</summary>
    internal void Adopt(Digest image, Digest parent)
    {
        if (image != parent && _store.ParentOf(image) is null) _store.SetParent(image, parent);
    }

    /// <summary>As above, with its event and its names; no prune comes between the image and its names.</summary>
    public async Task<ImageRecord> CreateNamedAsync(OciImage config, Digest? parent, IReadOnlyList<string> names, CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try
        {
            var record = await CreateAsync(config, parent, cancellation);
            PublishCreate(record.Id);
            foreach (var name in names) await TagAsync(record.Id, name, cancellation);
            return record;
        }
        finally { _removing.Release(); }
    }

    /// <summary>Adds the image; what it needs is kept from being collected meanwhile.</summary>
    private async Task<ImageRecord> AddAsync(OciImage config, Leases.Lease lease, CancellationToken cancellation)
    {
        foreach (var chain in Chains(config))
        {
            lease.Add(chain);
            if (!_snapshots.Exists(chain)) throw new WharfException(ErrorKind.Internal, $"layer {chain} of the new image is not there");
        }
        return await StoreConfigAsync(JsonSerializer.SerializeToUtf8Bytes(config, ImageJson.Plain.OciImage), lease, cancellation);
    }

    /// <summary>Stores the configuration of an image whose layers are here.</summary>
    internal async Task<ImageRecord> StoreConfigAsync(byte[] config, CancellationToken cancellation)
    {
        using var lease = _leases.Take();
        return await StoreConfigAsync(config, lease, cancellation);
    }

    /// <summary>Stores a configuration exactly as received: its bytes are the image's identity.</summary>
    private async Task<ImageRecord> StoreConfigAsync(byte[] config, Leases.Lease lease, CancellationToken cancellation)
    {
        lease.Add(Digest.OfBytes(config));
        var id = await _content.WriteAsync(config, cancellation);
        _store.Add(id, DateTimeOffset.UtcNow);
        return await RecordAsync(id, cancellation);
    }

    /// <summary>Points a name at an image, moving it from another if need be; publishes the tag event, unless <paramref name="silent"/>.</summary>
    public Task TagAsync(Digest imageId, string name, CancellationToken cancellation, bool silent = false)
    {
        var reference = ImageReference.Parse(name);
        if (reference.Digest is not null) throw WharfException.Invalid("refusing to create a tag with a digest reference");
        if (reference.FamiliarRepository == "sha256") throw WharfException.Invalid("refusing to create an ambiguous tag using digest algorithm as name");
        reference = reference.WithDefaultTag();
        cancellation.ThrowIfCancellationRequested();
        _store.SetName(reference, imageId);
        if (!silent) Publish("tag", imageId, reference.Familiar);
        return Task.CompletedTask;
    }

    /// <summary>While it is held, no layer is collected: for who applies layers and records what needs them afterwards.</summary>
    internal Task<IDisposable> HoldLayersAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return Task.FromResult(_leases.HoldAll());
    }

    /// <summary>As <see cref="HoldLayersAsync"/>, for a build's step: its layer is under the build's lease when this is let go.</summary>
    internal IDisposable HoldLayersForStep() => _leases.HoldAll(quiet: true);

    internal Leases.Lease TakeLease() => _leases.Take();

    /// <summary>As <see cref="HoldLayersAsync"/>, for who only reads.</summary>
    public Task<IDisposable> HoldAsync(CancellationToken cancellation) => HoldLayersAsync(cancellation);

    /// <summary>What the data root's bytes are for.</summary>
    public List<Specs.DockerApi.DiskLedgerEntry> DiskLedger(CancellationToken cancellation)
    {
        var writables = _snapshots.WritableNumbers();
        return State.DiskLedger.Read(_options.DataRoot, path => DiskUses.Of(path, writables), cancellation);
    }

    private static IEnumerable<Digest> Chains(OciImage config)
    {
        Digest? chain = null;
        foreach (var diffId in config.RootFs?.DiffIds ?? [])
        {
            chain = ChainId.Of(chain, diffId);
            yield return chain.Value;
        }
    }

    /// <summary>Announces an image made of a container.</summary>
    internal void PublishCreate(Digest id) => Publish("create", id, id.ToString());

    private void Publish(string action, Digest id, string name) => Publish(action, id, id.ToString(), name);

    /// <summary>An event tells the image's labels beside its name, where the image is still there.</summary>
    private void Publish(string action, Digest image, string actor, string name)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        if (action != "delete" && _configs.TryGetValue(image, out var config))
            foreach (var (key, value) in config.Config?.Labels ?? []) attributes[key] = value;
        attributes["name"] = name;
        _events.Publish("image", action, actor, attributes);
    }
}

/// <summary>An image as the rest of the engine needs it.</summary>
public sealed record ImageRecord(Digest Id, OciImage Config, IReadOnlyList<string> RepoTags, IReadOnlyList<string> RepoDigests)
{
    /// <summary>The stack of layers a container starts from; null for an image without layers.</summary>
    public Digest? ChainId { get; } = Snapshots.ChainId.Of(Config.RootFs?.DiffIds ?? []);
}
