using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Untagging and removing images, and freeing what no image needs.</summary>
public sealed partial class ImageService
{
    /// <summary>
    /// Removes a name, and the image itself when it was its last one; by ID, all names. Conflict when a container uses the image or,
    /// by ID, when several repositories name it, unless forced. A running container's image cannot be forced.
    /// </summary>
    public async Task<List<ImageDeleteResponseItem>> RemoveAsync(string nameOrId, bool force, CancellationToken cancellation)
    {
        using var _ = await _gate.WriterAsync(cancellation);
        var record = await GetAsync(nameOrId, null, cancellation);
        var names = _store.NamesOf(record.Id);
        var answer = new List<ImageDeleteResponseItem>();
        bool byId = IsId(nameOrId, record.Id);
        if (!byId)
        {
            var reference = ImageReference.Parse(nameOrId);
            if (reference.Digest is { } digest) _store.RemoveDigest(reference.Repository, digest);
            bool last = reference.Digest is not null ? names.Count == 0 : names.Count == 1;
            if (last) RefuseIfUsed(record.Id, reference.WithDefaultTag().Familiar, force);
            if (reference.Digest is null) Untag(record.Id, reference.WithDefaultTag(), answer);
            else answer.Add(new ImageDeleteResponseItem { Untagged = reference.Familiar });
            if (!last) return answer;
        }
        else
        {
            if (names.Select(name => name.Repository).Distinct().Count() > 1 && !force)
                throw WharfException.Conflict($"conflict: unable to delete {Short(record.Id)} (must be forced) - image is referenced in multiple repositories");
            RefuseIfUsed(record.Id, null, force);
            foreach (var name in names) Untag(record.Id, name, answer);
        }
        foreach (var (repository, digest) in _store.DigestsOf(record.Id)) answer.Add(new ImageDeleteResponseItem { Untagged = $"{FamiliarOf(repository)}@{digest}" });
        // A container that was made from it keeps the image, without a name.
        if (UsersOf(record.Id).Count > 0) return answer;
        await DeleteAsync(record, answer, cancellation);
        return answer;
    }

    private static bool IsId(string nameOrId, Digest id) => nameOrId.StartsWith("sha256:", StringComparison.Ordinal) || id.Hex.StartsWith(nameOrId, StringComparison.Ordinal);
    private static string Short(Digest id) => id.Hex[..12];

    private void RefuseIfUsed(Digest id, string? name, bool force)
    {
        var users = UsersOf(id);
        var running = users.FirstOrDefault(user => user.Running);
        if (running.ContainerId is not null && (name is null || !force))
        {
            throw WharfException.Conflict(name is null
                ? $"conflict: unable to delete {Short(id)} (cannot be forced) - image is being used by running container {running.ContainerId[..12]}"
                : $"conflict: unable to remove repository reference \"{name}\" (must force) - container {running.ContainerId[..12]} is using its referenced image {Short(id)}");
        }
        if (users.Count == 0 || force) return;
        throw WharfException.Conflict(name is null
            ? $"conflict: unable to delete {Short(id)} (must be forced) - image is being used by stopped container {users[0].ContainerId[..12]}"
            : $"conflict: unable to remove repository reference \"{name}\" (must force) - container {users[0].ContainerId[..12]} is using its referenced image {Short(id)}");
    }

    private void Untag(Digest id, ImageReference name, List<ImageDeleteResponseItem> answer)
    {
        _store.RemoveName(name.Canonical);
        answer.Add(new ImageDeleteResponseItem { Untagged = name.Familiar });
        Publish("untag", id, id.ToString());
    }

    private async Task DeleteAsync(ImageRecord record, List<ImageDeleteResponseItem> answer, CancellationToken cancellation)
    {
        _store.Remove(record.Id);
        _configs.TryRemove(record.Id, out _);
        Publish("delete", record.Id, record.Id.ToString());
        answer.Add(new ImageDeleteResponseItem { Deleted = record.Id.ToString() });
        var stillNeeded = await NeededChainsAsync(cancellation);
        foreach (var chain in Chains(record.Config).Reverse())
            if (!stillNeeded.Contains(chain)) answer.Add(new ImageDeleteResponseItem { Deleted = chain.ToString() });
        await CollectAsync(stillNeeded, cancellation);
    }

    /// <summary>Frees layers and blobs that nothing refers to any more. Bytes.</summary>
    public async Task<long> CollectUnusedAsync(CancellationToken cancellation)
    {
        using var _ = await _gate.WriterAsync(cancellation);
        return await CollectAsync(await NeededChainsAsync(cancellation), cancellation);
    }

    /// <summary>Whether an image stands on this stack of layers.</summary>
    public bool Uses(Digest chain) => _configs.Values.Any(config => Chains(config).Contains(chain));

    /// <summary>Chain IDs that images or others need.</summary>
    private async Task<HashSet<Digest>> NeededChainsAsync(CancellationToken cancellation)
    {
        var needed = new HashSet<Digest>(OtherChains());
        foreach (var id in _store.All()) needed.UnionWith(Chains(await ConfigAsync(id, cancellation)));
        return needed;
    }

    /// <summary>Deletes layers and blobs that nothing refers to. The gate is held by the caller: nothing is being added.</summary>
    private async Task<long> CollectAsync(HashSet<Digest> chains, CancellationToken cancellation)
    {
        long freed = await _snapshots.CollectAsync(chains, cancellation);
        var diffIds = new HashSet<Digest>();
        var blobs = new HashSet<Digest>();
        foreach (var id in _store.All())
        {
            blobs.Add(id);
            foreach (var (_, manifest) in _store.DigestsOf(id)) blobs.Add(manifest);
            diffIds.UnionWith((await ConfigAsync(id, cancellation)).RootFs?.DiffIds ?? []);
        }
        foreach (var diffId in _store.LayersWithBlobs())
        {
            if (diffIds.Contains(diffId)) blobs.UnionWith(_store.LayerBlobs(diffId).Select(blob => blob.Digest));
            else _store.RemoveLayerBlobs(diffId);
        }
        foreach (var digest in _content.List())
        {
            if (blobs.Contains(digest)) continue;
            freed += _content.SizeOf(digest);
            _content.Delete(digest);
        }
        return freed;
    }

    /// <summary>Removes images without a name (or, with <paramref name="all"/>, all that no container uses) and frees what only they needed.</summary>
    public async Task<ImagePruneResponse> PruneAsync(bool all, DateTimeOffset? until, IReadOnlyList<string> labels, IReadOnlyList<string> notLabels, CancellationToken cancellation)
    {
        using var _ = await _gate.WriterAsync(cancellation);
        var answer = new List<ImageDeleteResponseItem>();
        foreach (var id in _store.All())
        {
            var record = await RecordAsync(id, cancellation);
            if (UsersOf(id).Count > 0 || (record.RepoTags.Count > 0 && !all)) continue;
            if (until is not null && CreatedAt(record.Config) >= until) continue;
            if (!HasLabels(record.Config, labels) || (notLabels.Count > 0 && HasLabels(record.Config, notLabels))) continue;
            foreach (var name in _store.NamesOf(id)) Untag(id, name, answer);
            _store.Remove(id);
            _configs.TryRemove(id, out OciImage? _);
            answer.Add(new ImageDeleteResponseItem { Deleted = id.ToString() });
        }
        long freed = await CollectAsync(await NeededChainsAsync(cancellation), cancellation);
        _events.Publish("image", "prune", "", new Dictionary<string, string> { ["reclaimed"] = freed.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        return new ImagePruneResponse { ImagesDeleted = answer.Count > 0 ? answer : null, SpaceReclaimed = freed };
    }
}
