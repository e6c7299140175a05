using Wharf.Engine.Images.Collection;
using Wharf.Engine.Snapshots;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Removing images by the daemon's rules: the least recently used first, and never what anything needs.</summary>
public sealed partial class ImageService
{
    /// <summary>Layer stacks that containers mount. Set by the wiring.</summary>
    public Func<IEnumerable<Digest>> MountedChains { get; set; } = () => [];

    /// <summary>Names of images that will be used: those of jobs. Set by the wiring.</summary>
    public Func<IEnumerable<string>> WantedNames { get; set; } = () => [];

    internal void MarkUsed(Digest image) => _store.MarkUsed(image, DateTimeOffset.UtcNow);

    /// <summary>The rules that are in force; none when images stay until somebody removes them.</summary>
    public IReadOnlyList<ImageRule> CollectionRules => _options.ImageCollection.Rules ?? ImageCollection.DefaultRules(_options.DataRoot);

    /// <summary>Removes what the rules say, and frees what only that needed. With <paramref name="dryRun"/> nothing goes.</summary>
    public async Task<ImageCollectionReport> CollectImagesAsync(IReadOnlyList<ImageRule> rules, bool dryRun, CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try
        {
            var chosen = await ChooseAsync(rules, DateTimeOffset.UtcNow, cancellation);
            long before = _snapshots.TotalSize;
            var report = new ImageCollectionReport { DryRun = dryRun };
            foreach (var image in chosen)
            {
                if (!dryRun && !await RemoveChosenAsync(image, cancellation)) continue;
                var record = image.Image.Record;
                report.Images.Add(new CollectedImage { Id = record.Id.ToString(), Names = [.. record.RepoTags.Concat(record.RepoDigests)], LastUsed = image.Image.LastUsed.UtcDateTime, Rule = image.Rule, Size = image.Frees });
            }
            if (!dryRun && report.Images.Count > 0) await CollectAsync(cancellation);
            report.SpaceReclaimed = dryRun ? report.Images.Sum(static image => image.Size) : Math.Max(0, before - _snapshots.TotalSize);
            if (!dryRun && report.Images.Count > 0) PublishPrune(report.SpaceReclaimed);
            return report;
        }
        finally { _removing.Release(); }
    }

    private async Task<bool> RemoveChosenAsync(ChosenImage image, CancellationToken cancellation)
    {
        var answer = new List<ImageDeleteResponseItem>();
        var record = image.Image.Record;
        // Since it was chosen, a container or a build may have taken it up.
        if (IsHeld(record.Id) || UsersOf(record.Id).Count > 0) return false;
        await RemoveUnusedAsync(record, answer, cancellation);
        if (_store.Exists(record.Id)) return false;
        Log.ImageCollected(_log, record.Id, string.Join(' ', record.RepoTags.Concat(record.RepoDigests)), image.Rule, image.Image.LastUsed.UtcDateTime, image.Frees);
        return true;
    }

    /// <summary>What goes, in its order. Bytes are counted as if what was chosen before were gone.</summary>
    private async Task<List<ChosenImage>> ChooseAsync(IReadOnlyList<ImageRule> rules, DateTimeOffset now, CancellationToken cancellation)
    {
        var chosen = new List<ChosenImage>();
        if (rules.Count == 0) return chosen;
        var candidates = await CollectableAsync(now, cancellation);
        var users = await ChainUsersAsync(cancellation);
        long used = users.Keys.Sum(_snapshots.SizeOrNone), free = new DriveInfo(_options.DataRoot).AvailableFreeSpace;
        foreach (var (number, rule) in rules.Index())
        {
            foreach (var image in candidates.Where(image => rule.Admits(image, now)).ToList())
            {
                if (!rule.Exceeded(used, free)) break;
                long frees = 0;
                foreach (var chain in Chains(image.Record.Config))
                    if (--users[chain] == 0) frees += _snapshots.SizeOrNone(chain);
                (used, free) = (used - frees, free + frees);
                candidates.Remove(image);
                chosen.Add(new ChosenImage(image, number, frees));
            }
        }
        return chosen;
    }

    /// <summary>How many need each layer: images, and all others together as one.</summary>
    private async Task<Dictionary<Digest, int>> ChainUsersAsync(CancellationToken cancellation)
    {
        var users = new Dictionary<Digest, int>();
        foreach (var id in _store.All())
            foreach (var chain in Chains(await ConfigAsync(id, cancellation))) users[chain] = users.GetValueOrDefault(chain) + 1;
        var others = OtherChains().ToHashSet();
        foreach (var chain in users.Keys.ToList())
            if (others.Contains(chain) || _snapshots.IsUsedByContainer(chain)) users[chain]++;
        return users;
    }

    /// <summary>What nothing needs, least recently used first. An image of several platforms is one: it was used when one of them was.</summary>
    private async Task<List<CollectableImage>> CollectableAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        var collection = _options.ImageCollection;
        var needed = await NeededAsync(cancellation);
        var found = new List<CollectableImage>();
        foreach (var id in _store.All().Where(id => !needed.Contains(id)))
        {
            var record = await RecordAsync(id, cancellation);
            var names = record.RepoTags.Select(static tag => ImageReference.Parse(tag)).ToList();
            if (names.Exists(name => _store.ByName(name.Canonical) != id)) continue;
            if (record.RepoTags.Concat(record.RepoDigests).Any(name => collection.Keep.Any(pattern => ReferencePattern.Matches(pattern, name)))) continue;
            var siblings = names.SelectMany(_store.PlatformsOf).ToList();
            if (siblings.Exists(needed.Contains)) continue;
            var last = siblings.Prepend(id).Max(_store.LastUsed);
            if (last <= now - collection.MinimumAge) found.Add(new CollectableImage(record, CreatedAt(record.Config), last));
        }
        return [.. found.OrderBy(static image => image.LastUsed)];
    }

    private async Task<HashSet<Digest>> NeededAsync(CancellationToken cancellation)
    {
        var needed = WantedNames().Select(Find).OfType<Digest>().ToHashSet();
        var mounted = MountedChains().ToHashSet();
        foreach (var id in _store.All())
            if (IsHeld(id) || UsersOf(id).Count > 0 || _store.ChildrenOf(id).Count > 0 || ChainId.Of((await ConfigAsync(id, cancellation)).RootFs?.DiffIds ?? []) is { } chain && mounted.Contains(chain)) needed.Add(id);
        return needed;
    }
}
