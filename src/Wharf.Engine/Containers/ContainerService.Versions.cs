using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Containers;

/// <summary>The history of a container's own files: saved, listed, compared, gone back to. What the image holds is version 0.</summary>
public sealed partial class ContainerService
{
    private readonly VersionStore _versions;

    /// <summary>Layers that versions need; see <see cref="Images.ImageService.OtherChains"/>.</summary>
    public IEnumerable<Digest> VersionChains() => _versions.Chains();

    public List<ContainerVersion> ListVersions(string nameOrId) => [.. _versions.List(_index.Get(nameOrId).Id).Select(entry => entry.Version)];

    /// <summary>Saves what the container has changed up to now. A state equal to the last version's is that version.</summary>
    public async Task<ContainerVersion> SaveVersionAsync(string nameOrId, string author, string comment, bool pause, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        using var held = await _images.HoldLayersAsync(cancellation);
        var parent = container.Document.ChainId is { } chain ? Digest.Parse(chain) : (Digest?)null;
        var layer = await CommitLayerAsync(container, parent, pause, cancellation);
        if (_versions.List(container.Id) is [.., var last] && last.Chain == layer?.ChainId) return last.Version;
        var version = new ContainerVersion { Created = DateTimeOffset.UtcNow, Size = layer?.Size ?? 0, Author = author, Comment = comment };
        version.Number = _versions.Add(container.Id, version, layer?.ChainId);
        Publish(container, "snapshot", ("version", Number(version.Number)), ("comment", comment));
        return version;
    }

    /// <summary>
    /// Puts the container's files back to a version (null: the last; 0: as in the image). What they are now is saved before. A running container is
    /// stopped for it and started again. Volumes stay as they are.
    /// </summary>
    public async Task<RollbackResult> RollBackAsync(string nameOrId, int? number, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        if (container.HostConfig.AutoRemove == true && container.State.IsUp) throw WharfException.Conflict($"container {nameOrId} is removed when it stops (--rm) and cannot be rolled back");
        var target = FindVersion(container, nameOrId, number);
        bool wasUp = container.State.IsUp;
        if (wasUp) await StopAsync(container.Id, null, null, cancellation);
        var saved = await SaveVersionAsync(container.Id, "", $"before rolling back to version {target.Version.Number}", pause: false, cancellation);
        using (await container.Gate.EnterAsync(cancellation))
        {
            if (container.State.IsUp) throw WharfException.Conflict($"container {nameOrId} was started meanwhile");
            await _snapshots.ReplaceWritableAsync(container.Id, target.Chain, Config.StorageRules.SizeOf(container.HostConfig.StorageOpt), cancellation);
        }
        Publish(container, "rollback", ("version", Number(target.Version.Number)));
        if (wasUp) await StartAsync(container.Id, cancellation);
        return new RollbackResult { Version = target.Version.Number, Saved = saved.Number };
    }

    public async Task RemoveVersionAsync(string nameOrId, int number, CancellationToken cancellation)
    {
        if (!_versions.Delete(_index.Get(nameOrId).Id, number)) throw NoVersion(nameOrId, number);
        await _images.CollectUnusedAsync(cancellation);
    }

    /// <summary>The trees of a version, uppermost first, for <c>NAME@NUMBER</c>; null when it names no container's version.</summary>
    public IReadOnlyList<string>? TryVersionPaths(string reference)
    {
        int at = reference.LastIndexOf('@');
        if (at <= 0 || !int.TryParse(reference.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return null;
        var name = reference[..at];
        var container = _index.Get(name);
        var chain = FindVersion(container, name, number).Chain ?? (container.Document.ChainId is { } below ? Digest.Parse(below) : null);
        return _snapshots.LayerPaths(chain);
    }

    private (ContainerVersion Version, Digest? Chain) FindVersion(Container container, string nameOrId, int? number)
    {
        if (number == 0) return (new ContainerVersion(), null);
        var versions = _versions.List(container.Id);
        if (number is null) return versions.Count > 0 ? versions[^1] : throw WharfException.NotFound($"container {nameOrId} has no saved version: wharf snapshot {nameOrId} saves one");
        return versions.Find(entry => entry.Version.Number == number) is { Version: not null } found ? found : throw NoVersion(nameOrId, number.Value);
    }

    private static WharfException NoVersion(string nameOrId, int number) => WharfException.NotFound($"container {nameOrId} has no version {Number(number)}");
}
