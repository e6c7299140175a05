using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Snapshots;
using Wharf.Engine.Volumes;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>What a container mounts, decided at its creation; the volumes exist afterwards.</summary>
    private Task<List<MountPoint>> ResolveMountsAsync(Container container, List<string> warnings, CancellationToken cancellation) => _mounts.ResolveAsync(new MountRequest
    {
        ContainerId = container.Id,
        Host = container.HostConfig,
        Volumes = container.Config.Volumes?.Keys ?? Enumerable.Empty<string>(),
        MountsOf = name => (_index.Find(name) ?? throw WharfException.Invalid($"No such container: {name}")).Document.Mounts,
        ImageOf = async reference => (await _images.GetAsync(reference, null, cancellation)).ChainId,
        ArtifactOf = async (name, options) =>
        {
            try { return await _artifacts.ResolveMountAsync(name, options, cancellation); }
            // 404 would tell docker's command that the image is missing.
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { throw WharfException.Invalid($"invalid mount config for type \"artifact\": {error.Message}"); }
        },
        Warn = warnings.Add,
        OpenRoot = () => _snapshots.OpenRoot(container.Id),
    }, cancellation);

    /// <summary>What the runtime mounts over the root: the files under /etc, volumes, binds, tmpfs.</summary>
    private async Task<List<Mount>> PrepareMountsAsync(Container container, RunSetup run)
    {
        var mounts = PrepareEtcFiles(container, run);
        var points = container.Document.Mounts;
        if (points.Count > 0 || container.HostConfig.Tmpfs is { Count: > 0 })
        {
            var mounted = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var point in points.Where(point => point.Type == "volume"))
            {
                mounted[point.Name!] = await _volumes.MountAsync(point.Name!, container.Id, CancellationToken.None);
                run.VolumesTaken = true;
                _events.Publish("volume", "mount", point.Name!, new Dictionary<string, string>
                {
                    ["container"] = container.Id, ["destination"] = point.Destination ?? "", ["driver"] = point.Driver ?? "local", ["propagation"] = point.Propagation ?? "", ["read/write"] = point.RW == false ? "false" : "true",
                });
            }
            mounts.AddRange(await MountsOfAsync(container, container.HostConfig, points, mounted));
        }
        mounts.AddRange(container.Document.StepMounts ?? []);
        return mounts;
    }

    private async Task<List<Mount>> MountsOfAsync(Container container, HostConfig host, IReadOnlyList<MountPoint> points, IReadOnlyDictionary<string, string> volumes)
    {
        var artifacts = new Dictionary<MountPoint, List<Mount>>(ReferenceEqualityComparer.Instance);
        foreach (var point in points.Where(static point => point.Type == "artifact")) artifacts.Add(point, await ArtifactMountsAsync(container, point));
        return MountService.Prepare(host, points, volumes, ImageMount, point => artifacts[point]);
    }

    /// <summary>An image's files, or a directory of them, to read.</summary>
    private Mount ImageMount(MountPoint point, string subpath)
    {
        Digest? chain = point.Source is { Length: > 0 } text ? Digest.Parse(text) : null;
        var lowers = subpath.Length > 0 ? _snapshots.LayerPaths(chain, subpath) : _snapshots.LayerPaths(chain);
        if (lowers.Count == 0) throw WharfException.NotFound($"cannot access path {subpath} of image {point.Name}: no such directory");
        return _snapshots.MountOver(point.Destination!, lowers);
    }

    /// <summary>An artifact's files to read, each a mount of its own: in the directory that is there, or will be for several, or in the place of the one file.</summary>
    private async Task<List<Mount>> ArtifactMountsAsync(Container container, MountPoint point)
    {
        var destination = point.Destination!;
        var files = await _artifacts.FilesAsync(point.Name!, Digest.Parse(point.Source!), point.ArtifactOptions, CancellationToken.None);
        using var root = _snapshots.OpenRootReadOnly(container.Id);
        using var found = OpenAt.TryInRoot(root, destination, O.PATH | O.DIRECTORY, 0, Resolve.None, out int errno);
        bool isDirectory = found is not null || (errno == Errno.ENOENT && files.Count > 1);
        if (!isDirectory && files.Count > 1) throw WharfException.Invalid($"artifact {point.Name} has {files.Count} files, and {destination} is a file in the container: choose one by digest or title");
        return files.ConvertAll(file => DefaultMounts.Bind(isDirectory ? $"{destination.TrimEnd('/')}/{file.Name}" : destination, file.Path, "ro", "nosuid", "nodev"));
    }

    /// <summary>Mounts of volumes that a run needed; what goes wrong is logged, the run is over anyhow.</summary>
    private async Task ReleaseMountsAsync(Container container)
    {
        foreach (var point in container.Document.Mounts.Where(point => point.Type == "volume"))
        {
            try
            {
                await _volumes.UnmountAsync(point.Name!, container.Id, CancellationToken.None);
                _events.Publish("volume", "unmount", point.Name!, new Dictionary<string, string> { ["container"] = container.Id, ["driver"] = point.Driver ?? "local" });
            }
            catch (Exception error) when (error is IOException or WharfException) { _log.UnmountFailed(container.Id, point.Name!, error); }
        }
    }

    private void AdoptMounts(Container container)
    {
        foreach (var point in container.Document.Mounts.Where(point => point.Type == "volume")) _volumes.AdoptMount(point.Name!, container.Id);
    }

    /// <summary>Ends a container's use of its volumes, and with <paramref name="anonymous"/> those that are its alone: they are gone when the removal is answered. What goes wrong is logged.</summary>
    private async Task ReleaseVolumesAsync(Container container, bool anonymous)
    {
        var names = container.Document.Mounts.Where(mount => mount.Type == "volume").Select(mount => mount.Name!).ToList();
        if (names.Count == 0) return;
        _volumes.RemoveReferences(container.Id);
        // Anonymous ones are named like IDs; the volume service knows which of them it named itself.
        if (anonymous) await _background.Run("removal of volumes", container.Id, () => _volumes.RemoveAnonymousAsync(names, CancellationToken.None));
    }
}
