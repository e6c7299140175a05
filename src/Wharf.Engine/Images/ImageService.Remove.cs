using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>Untagging and removing images. What of it stays in the way is told as docker tells it.</summary>
public sealed partial class ImageService
{
    /// <summary>
    /// Removes a name, and the image itself when it was its last one; by ID, all names of one repository and the image. Conflict when a
    /// container or another image needs it. <paramref name="force"/> passes over stopped containers and further names. With <paramref name="prune"/>
    /// nameless images it was made from go too.
    /// </summary>
    public Task<List<ImageDeleteResponseItem>> RemoveAsync(string nameOrId, bool force, bool prune, CancellationToken cancellation) => RemoveAsync(nameOrId, null, force, prune, cancellation);

    /// <summary>As above; NotFound when the image is for another platform than <paramref name="platform"/>.</summary>
    public async Task<List<ImageDeleteResponseItem>> RemoveAsync(string nameOrId, Platform? platform, bool force, bool prune, CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try
        {
            var answer = new List<ImageDeleteResponseItem>();
            if (platform is not null && await RemovePlatformAsync(nameOrId, platform, force, prune, answer, cancellation)) return answer;
            await RemoveOneAsync(nameOrId, force, prune, answer, cancellation);
            return answer;
        }
        finally { _removing.Release(); }
    }

    private async Task RemoveOneAsync(string nameOrId, bool force, bool prune, List<ImageDeleteResponseItem> answer, CancellationToken cancellation)
    {
        var record = await GetAsync(nameOrId, null, cancellation);
        var id = record.Id;
        if (IsId(nameOrId, id))
        {
            if (IsOneRepository(id))
            {
                RefuseIfNeeded(id, force, references: false);
                foreach (var name in _store.NamesOf(id)) Untag(id, name, answer);
                foreach (var (repository, digest) in _store.DigestsOf(id)) UntagDigest(id, repository, digest, answer);
            }
            await DeleteAsync(id, force, prune, quiet: false, answer, cancellation);
            return;
        }
        if (!force && IsOneRepository(id) && UsersOf(id) is [var user, ..])
            throw WharfException.Conflict($"conflict: unable to remove repository reference \"{nameOrId}\" (must force) - container {user.ContainerId[..12]} is using its referenced image {Short(id)}");
        var reference = ImageReference.Parse(nameOrId);
        List<Digest> others = reference.Digest is null ? _store.PlatformsOf(reference.WithDefaultTag()) : [];
        if (!force && others.Find(other => UsersOf(other).Count > 0) is { IsEmpty: false } used)
            throw WharfException.Conflict($"conflict: unable to remove repository reference \"{nameOrId}\" (must force) - container {UsersOf(used)[0].ContainerId[..12]} is using its referenced image {Short(used)}");
        bool hadForm = reference.Digest is null && _store.FormOf(reference.WithDefaultTag()) is not null;
        if (reference.Digest is { } asked) UntagDigest(id, reference.Repository, asked, answer);
        else
        {
            _store.RemoveName(reference.WithDefaultTag().Canonical);
            answer.Add(new ImageDeleteResponseItem { Untagged = reference.WithDefaultTag().Familiar });
            Publish("untag", id, id.ToString());
            // With its last tag in a repository, also the digests by which the image is known there are forgotten.
            if (_store.NamesOf(id).TrueForAll(name => name.Repository != reference.Repository))
                foreach (var (repository, digest) in _store.DigestsOf(id)) if (repository == reference.Repository) UntagDigest(id, repository, digest, answer);
        }
        foreach (var nameless in others.Prepend(id).Where(image => _store.NamesOf(image).Count == 0 && _store.DigestsOf(image).Count == 0).ToList())
            await DeleteAsync(nameless, force, prune, quiet: true, answer, cancellation);
        // The image may stay; what the name's own form of it took does not.
        if (hadForm) await CollectAsync(cancellation);
    }

    /// <summary>Removes one of several platforms of a name, which stays; false when it is the only one.</summary>
    private async Task<bool> RemovePlatformAsync(string nameOrId, Platform platform, bool force, bool prune, List<ImageDeleteResponseItem> answer, CancellationToken cancellation)
    {
        var image = await GetAsync(nameOrId, platform, cancellation);
        if (Find(nameOrId) is not { } first || NameOf(nameOrId, first) is not { } name || _store.PlatformsOf(name).Count == 0) return false;
        RefuseIfNeeded(image.Id, force, references: false);
        Detach(image.Id, name);
        if (_store.NamesOf(image.Id).Count == 0 && _store.DigestsOf(image.Id).Count == 0) await DeleteAsync(image.Id, force, prune, quiet: true, answer, cancellation);
        return true;
    }

    /// <summary>Takes an image from a name. What the name has of other platforms stays with it.</summary>
    private void Detach(Digest id, ImageReference name)
    {
        if (_store.ByName(name.Canonical) != id) _store.RemovePlatform(name, id);
        else if (_store.PlatformsOf(name) is [var next, ..]) _store.Promote(name, next);
        else _store.RemoveName(name.Canonical);
    }

    private static bool IsId(string nameOrId, Digest id) => id.ToString().StartsWith(nameOrId, StringComparison.Ordinal) || id.Hex.StartsWith(nameOrId, StringComparison.Ordinal);

    private static string Short(Digest id) => id.Hex[..12];

    /// <summary>At most one tag, and digests only in its repository: removing by ID then takes nothing that somebody else may still mean.</summary>
    private bool IsOneRepository(Digest id)
    {
        var names = _store.NamesOf(id);
        var digests = _store.DigestsOf(id).Select(entry => entry.Repository).Distinct().ToList();
        if (names.Count + _store.DigestsOf(id).Count <= 1) return true;
        if (names.Count > 1) return false;
        return digests.Count == 1 && (names.Count == 0 || names[0].Repository == digests[0]);
    }

    private void RefuseIfNeeded(Digest id, bool force, bool references)
    {
        WharfException Conflict(bool hard, string why) => WharfException.Conflict($"conflict: unable to delete {Short(id)} ({(hard ? "cannot be forced" : "must be forced")}) - {why}");
        if (_store.ChildrenOf(id).Count > 0) throw Conflict(true, "image has dependent child images");
        var users = UsersOf(id);
        if (users.FirstOrDefault(user => user.Running) is { ContainerId: { } running }) throw Conflict(true, $"image is being used by running container {running[..12]}");
        if (force) return;
        if (references && (_store.NamesOf(id).Count > 0 || _store.DigestsOf(id).Count > 0)) throw Conflict(false, "image is referenced in multiple repositories");
        if (users.Count > 0) throw Conflict(false, $"image is being used by stopped container {users[0].ContainerId[..12]}");
    }

    private void Untag(Digest id, ImageReference name, List<ImageDeleteResponseItem> answer)
    {
        Detach(id, name);
        answer.Add(new ImageDeleteResponseItem { Untagged = name.Familiar });
        Publish("untag", id, id.ToString());
    }

    private void UntagDigest(Digest id, string repository, Digest digest, List<ImageDeleteResponseItem> answer)
    {
        _store.RemoveDigest(repository, digest, id);
        answer.Add(new ImageDeleteResponseItem { Untagged = $"{FamiliarOf(repository)}@{digest}" });
        Publish("untag", id, id.ToString());
    }

    /// <summary>
    /// Deletes an image with what is left of its names. <paramref name="quiet"/>: a name was removed before, and that the image itself
    /// must stay is no error unless it would lie about unnamed and unused.
    /// </summary>
    private async Task DeleteAsync(Digest id, bool force, bool prune, bool quiet, List<ImageDeleteResponseItem> answer, CancellationToken cancellation)
    {
        try { RefuseIfNeeded(id, force, references: true); }
        catch (WharfException) when (quiet && (UsersOf(id).Count > 0 || _store.NamesOf(id).Count > 0 || _store.ChildrenOf(id).Count > 0)) { return; }
        await ConfigAsync(id, cancellation);
        var parent = _store.ParentOf(id);
        foreach (var name in _store.NamesOf(id)) Untag(id, name, answer);
        foreach (var (repository, digest) in _store.DigestsOf(id)) UntagDigest(id, repository, digest, answer);
        _store.Remove(id);
        if (!_configs.TryRemove(id, out var config)) config = new OciImage();
        Publish("delete", id, id.ToString());
        answer.Add(new ImageDeleteResponseItem { Deleted = id.ToString() });
        var needed = await ImageChainsAsync(cancellation);
        needed.UnionWith(OtherChains());
        foreach (var chain in Chains(config).Reverse())
            if (!needed.Contains(chain) && !_snapshots.IsUsedByContainer(chain)) answer.Add(new ImageDeleteResponseItem { Deleted = chain.ToString() });
        await CollectAsync(cancellation);
        if (prune && parent is { } above && !IsHeld(above) && _store.NamesOf(above).Count == 0 && _store.DigestsOf(above).Count == 0) await DeleteAsync(above, force: false, prune: true, quiet: true, answer, cancellation);
    }

    /// <summary>Removes images without a name (or, with <paramref name="all"/>, all that no container uses) and frees what only they needed.</summary>
    public async Task<ImagePruneResponse> PruneAsync(bool all, DateTimeOffset? until, IReadOnlyList<string> labels, IReadOnlyList<string> notLabels, CancellationToken cancellation)
    {
        await _removing.WaitAsync(cancellation);
        try
        {
            var answer = new List<ImageDeleteResponseItem>();
            long before = _snapshots.TotalSize;
            var images = _store.All().Where(id => _store.ChildrenOf(id).Count == 0 || _store.NamesOf(id).Count > 0).ToList();
            foreach (var id in images)
            {
                // What a build has come to is not yet anybody's, but will be.
                if (!_store.Exists(id) || IsHeld(id)) continue;
                var record = await RecordAsync(id, cancellation);
                if (until is not null && CreatedAt(record.Config) >= until) continue;
                if (!HasLabels(record.Config, labels) || notLabels.Any(label => HasLabels(record.Config, [label]))) continue;
                if (record.RepoTags.Count > 0 && !all) continue;
                await RemoveUnusedAsync(record, answer, cancellation);
            }
            await CollectAsync(cancellation);
            long freed = Math.Max(0, before - _snapshots.TotalSize);
            PublishPrune(freed);
            return new ImagePruneResponse { ImagesDeleted = answer.Count > 0 ? answer : null, SpaceReclaimed = freed };
        }
        finally { _removing.Release(); }
    }

    /// <summary>Removes all names of an image and the image, unless something needs it.</summary>
    private async Task RemoveUnusedAsync(ImageRecord record, List<ImageDeleteResponseItem> answer, CancellationToken cancellation)
    {
        var names = record.RepoTags.Concat(record.RepoDigests).ToList();
        if (names.Count == 0) names.Add(record.Id.Hex);
        foreach (var name in names)
        {
            if (Find(name) != record.Id) continue;
            try { await RemoveOneAsync(name, force: false, prune: true, answer, cancellation); }
            catch (WharfException error) when (error.Kind == ErrorKind.Conflict) { /* in use: it stays */ }
        }
    }

    private void PublishPrune(long freed) => _events.Publish("image", "prune", "", new Dictionary<string, string> { ["reclaimed"] = freed.ToString(System.Globalization.CultureInfo.InvariantCulture) });
}
