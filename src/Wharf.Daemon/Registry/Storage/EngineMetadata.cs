using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Wharf.Daemon.Registry.Http;
using Wharf.Engine.Images;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// The daemon's own images as repositories, beside what was pushed: <c>busybox:latest</c> of the engine is <c>busybox:latest</c> here, and
/// the other way round. Blobs are shared between engine and registry as hard links, so neither copies a byte, and either may let go of its own.
/// </summary>
internal sealed partial class EngineMetadata(IMetadata inner, IObjectStore store, ImageService images) : IMetadata
{
    /// <summary>Who is noted as having pushed what the engine made.</summary>
    private const string Engine = "wharf daemon";
    private readonly KeyedLocks _locks = new();
    /// <summary>Manifests are put before the tag that keeps them: nothing is let go of meanwhile.</summary>
    private readonly AsyncReaderWriterLock _serving = new();

    /// <summary>What a tag was last served for, so that it is served anew when the engine has something else.</summary>
    private readonly ConcurrentDictionary<string, string> _forms = new(StringComparer.Ordinal);

    /// <summary>The repository an engine's name is served as, a registry's port in it with a dash; null for a name that no repository can have.</summary>
    private static string? RepositoryOf(ImageReference name) => name.FamiliarRepository.Replace(':', '-') is var repository && RegistryRoute.IsValidName(repository) ? repository : null;

    /// <summary>The engine's name of a tag: one of a registry with a port only when the engine has that, and no other.</summary>
    private ImageReference? NameOf(string repository, string tag)
    {
        var plain = ImageReference.TryParse($"{repository}:{tag}", out var name) ? name : null;
        if (plain is not null && images.IdOf(plain) is not null || PortPattern().Match(repository) is not { Success: true } match) return plain;
        return ImageReference.TryParse($"{match.Groups[1].Value}:{match.Groups[2].Value}:{tag}", out var ported) && images.IdOf(ported) is not null ? ported : plain;
    }

    private IEnumerable<string> TagsOf(string repository) => images.Names().Where(name => RepositoryOf(name) == repository || name.Path == repository && name.Domain == ImageReference.DefaultDomain).Select(name => name.Tag!).Distinct();

    public async Task<bool> HasRepositoryAsync(string name, CancellationToken cancellation) => await inner.HasRepositoryAsync(name, cancellation) || TagsOf(name).Any();

    /// <summary>Brings a tag of the registry to where the engine's name points, or takes it away when the engine did.</summary>
    private async Task FollowAsync(string repository, string tag, CancellationToken cancellation)
    {
        if (NameOf(repository, tag) is not { } name) return;
        using var gate = await _locks.TakeAsync(repository + ":" + tag, cancellation);
        var present = await inner.FindTagAsync(repository, tag, cancellation);
        if (images.IdOf(name) is not { } id)
        {
            if (present?.By == Engine) await inner.DeleteTagAsync(repository, tag, cancellation);
            return;
        }
        var (key, form) = ($"{repository}:{tag}", images.FormOf(name) ?? "");
        if (present is not null && await inner.FindManifestAsync(repository, present.Digest, cancellation) is { } manifest)
        {
            // What was pushed here stays the bytes that were pushed.
            if (present.By != Engine && (manifest.Config == id || images.IdOf(name, present.Digest) == id)) return;
            if (_forms.TryGetValue(key, out var served) && served == form) return;
        }
        using var serving = await _serving.ReaderAsync(cancellation);
        var all = await images.ServeAsync(name, LinkBlob, cancellation);
        foreach (var one in all) await PutAsync(repository, one, one == all[^1] && present?.Digest != one.Digest ? [tag] : [], cancellation);
        _forms[key] = form;
    }

    private async Task PutAsync(string repository, ServedImage served, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        foreach (var blob in served.Blobs) await inner.LinkBlobAsync(repository, blob, cancellation);
        var document = ManifestDocument.Parse(served.Manifest, served.MediaType);
        await inner.PutManifestAsync(repository, new ManifestRecord
        {
            Digest = served.Digest, MediaType = document.MediaType, Size = served.Manifest.Length, Config = document.Config, Annotations = document.Annotations, ArtifactType = document.ArtifactType, Subject = document.Subject,
            References = [.. document.References.Select(reference => reference.Digest).Distinct()], Pushed = DateTimeOffset.UtcNow, By = Engine,
        }, served.Manifest, tags, cancellation);
    }

    /// <summary>Images the engine removed, or names that moved on, hold no blob here any longer.</summary>
    public async Task RefreshAsync(CancellationToken cancellation)
    {
        foreach (var repository in (await inner.ListRepositoriesAsync(int.MaxValue, null, _ => true, cancellation)).Names)
        {
            using var alone = await _serving.WriterAsync(cancellation);
            foreach (var (tag, record) in await inner.ListTagRecordsAsync(repository, cancellation))
                if (record.By == Engine && (NameOf(repository, tag) is not { } name || images.IdOf(name) is null)) await inner.DeleteTagAsync(repository, tag, cancellation);
            var manifests = await inner.ListManifestsAsync(repository, cancellation);
            var kept = (await inner.ListTagRecordsAsync(repository, cancellation)).Select(entry => entry.Record.Digest).ToHashSet();
            kept.UnionWith(manifests.Where(manifest => kept.Contains(manifest.Digest) || manifest.By != Engine).SelectMany(manifest => manifest.References).ToList());
            foreach (var manifest in manifests)
                if (manifest.By == Engine && !kept.Contains(manifest.Digest)) await inner.DeleteManifestAsync(repository, manifest.Digest, cancellation);
        }
    }

    private void LinkBlob(Digest digest)
    {
        var path = store.LocalPath(Keys.Blob(digest))!;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        images.LinkBlobTo(digest, path);
    }

    public async Task<TagRecord?> FindTagAsync(string name, string tag, CancellationToken cancellation)
    {
        try { await FollowAsync(name, tag, cancellation); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { /* removed from the engine meanwhile: what is here counts */ }
        return await inner.FindTagAsync(name, tag, cancellation);
    }

    public async Task PutManifestAsync(string name, ManifestRecord record, ReadOnlyMemory<byte> bytes, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        // Stored first: the engine finds the manifests of an index by their files.
        await inner.PutManifestAsync(name, record, bytes, [], cancellation);
        foreach (var tag in tags)
            if (NameOf(name, tag) is { } reference) await images.AdoptAsync(reference, bytes.ToArray(), record.MediaType, digest => store.LocalPath(Keys.Blob(digest))!, cancellation);
        await inner.PutManifestAsync(name, record, bytes, tags, cancellation);
    }

    public async Task DeleteTagAsync(string name, string tag, CancellationToken cancellation)
    {
        await RemoveFromEngineAsync(name, tag, cancellation);
        await inner.DeleteTagAsync(name, tag, cancellation);
    }

    public async Task<IReadOnlyList<string>> DeleteManifestAsync(string name, Digest digest, CancellationToken cancellation)
    {
        foreach (var (tag, record) in await inner.ListTagRecordsAsync(name, cancellation))
            if (record.Digest == digest) await RemoveFromEngineAsync(name, tag, cancellation);
        return await inner.DeleteManifestAsync(name, digest, cancellation);
    }

    public async Task DeleteRepositoryAsync(string name, CancellationToken cancellation)
    {
        foreach (var tag in TagsOf(name).ToList()) await RemoveFromEngineAsync(name, tag, cancellation);
        await inner.DeleteRepositoryAsync(name, cancellation);
    }

    /// <summary>A tag that is gone here would come back while the engine has the name: it is taken there as <c>rmi</c> takes it; what a container uses stays, with DENIED.</summary>
    private async Task RemoveFromEngineAsync(string repository, string tag, CancellationToken cancellation)
    {
        if (NameOf(repository, tag) is not { } name || images.IdOf(name) is null) return;
        try { await images.RemoveAsync(name.Familiar, force: false, prune: true, cancellation); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { /* the engine was quicker */ }
        catch (WharfException error) when (error.Kind == ErrorKind.Conflict) { throw new RegistryException(RegistryErrorCode.InUse, error.Message, inner: error); }
    }

    public async Task<NamePage> ListTagsAsync(string name, int limit, string? last, CancellationToken cancellation)
    {
        var all = (await AllTagsAsync(name, cancellation)).Order(TagOrder.Instance).Where(tag => last is null || TagOrder.Instance.Compare(tag, last) > 0).ToList();
        return all.Count > limit ? new NamePage(all[..limit], true) : new NamePage(all, false);
    }

    private async Task<HashSet<string>> AllTagsAsync(string name, CancellationToken cancellation)
    {
        var all = TagsOf(name).ToHashSet(StringComparer.Ordinal);
        foreach (var (tag, record) in await inner.ListTagRecordsAsync(name, cancellation)) if (record.By != Engine) all.Add(tag);
        return all;
    }

    public async Task<NamePage> ListRepositoriesAsync(int limit, string? last, Func<string, bool> visible, CancellationToken cancellation)
    {
        var all = (await inner.ListRepositoriesAsync(int.MaxValue, null, _ => true, cancellation)).Names.Concat(images.Names().Select(RepositoryOf).OfType<string>()).Distinct().Where(name => (last is null || string.CompareOrdinal(name, last) > 0) && visible(name)).Order(StringComparer.Ordinal).ToList();
        return all.Count > limit ? new NamePage(all[..limit], true) : new NamePage(all, false);
    }

    public Task<ManifestRecord?> FindManifestAsync(string name, Digest digest, CancellationToken cancellation) => inner.FindManifestAsync(name, digest, cancellation);
    public Task<bool> HasBlobAsync(string name, Digest digest, CancellationToken cancellation) => inner.HasBlobAsync(name, digest, cancellation);
    public Task<string?> FindRepositoryOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation) => inner.FindRepositoryOfBlobAsync(digest, fits, cancellation);
    public Task<string?> FindSourceOfBlobAsync(Digest digest, Func<string, bool> fits, CancellationToken cancellation) => inner.FindSourceOfBlobAsync(digest, fits, cancellation);
    public Task LinkBlobAsync(string name, Digest digest, CancellationToken cancellation) => inner.LinkBlobAsync(name, digest, cancellation);
    public Task UnlinkBlobAsync(string name, Digest digest, CancellationToken cancellation) => inner.UnlinkBlobAsync(name, digest, cancellation);
    public Task<IReadOnlyList<ManifestRecord>> ListReferrersAsync(string name, Digest subject, CancellationToken cancellation) => inner.ListReferrersAsync(name, subject, cancellation);
    public Task<IReadOnlyList<(string Tag, TagRecord Record)>> ListTagRecordsAsync(string name, CancellationToken cancellation) => inner.ListTagRecordsAsync(name, cancellation);
    public Task<IReadOnlyList<ManifestRecord>> ListManifestsAsync(string name, CancellationToken cancellation) => inner.ListManifestsAsync(name, cancellation);
    public Task<IReadOnlyList<(Digest Digest, DateTimeOffset Used)>> ListBlobLinksAsync(string name, CancellationToken cancellation) => inner.ListBlobLinksAsync(name, cancellation);
    public void NotePull(string name, Digest digest) => inner.NotePull(name, digest);
    public Task<DateTimeOffset?> LastPullAsync(string name, Digest digest, CancellationToken cancellation) => inner.LastPullAsync(name, digest, cancellation);
    public ValueTask DisposeAsync() => inner.DisposeAsync();

    // A host as names have it: with a dot, or localhost.
    [GeneratedRegex(@"^(localhost|[^/]*\.[^/]*)-([0-9]{1,5}/.+)\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)] private static partial Regex PortPattern();
}
