using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>The stat of a path in a container (<c>docker cp</c>).</summary>
    public ArchiveStat StatPath(string nameOrId, string path)
    {
        var (container, place) = OpenPath(nameOrId, path);
        using (place) return StatOf(nameOrId, path, place);
    }

    /// <summary>Writes a path of a container as tar. <paramref name="begin"/> gets the stat before the first byte.</summary>
    public async Task ReadArchiveAsync(string nameOrId, string path, Func<ArchiveStat, Stream> begin, CancellationToken cancellation)
    {
        var (container, place) = OpenPath(nameOrId, path);
        using (place)
        {
            var stat = StatOf(nameOrId, path, place);
            await ArchiveService.WritePathAsync(place.Root, place.Path, begin(stat), cancellation);
        }
        Publish(container, "archive-path");
    }

    /// <summary>Where a link leads is told as the container sees it, not from the root of a volume.</summary>
    private static ArchiveStat StatOf(string nameOrId, string path, Place place)
    {
        var stat = Locate(nameOrId, path, () => ArchiveService.Stat(place.Root, place.Path));
        return stat.LinkTarget.Length > 0 && place.Prefix.Length > 0 ? stat with { LinkTarget = place.Prefix + stat.LinkTarget } : stat;
    }

    /// <summary>Extracts a tar into a directory of a container.</summary>
    public async Task WriteArchiveAsync(string nameOrId, string path, Stream tar, ArchiveExtractOptions options, CancellationToken cancellation)
    {
        var (container, place) = OpenPath(nameOrId, path);
        using (place)
        {
            if (place.ReadOnly) throw WharfException.Invalid(place.OfMount ? "mounted volume is marked read-only" : "container rootfs is marked read-only");
            if (options.CopyUidGid && container.Config.User is { Length: > 0 } name)
            {
                var user = _users.Of(container).Resolve(name);
                options = options with { Uid = user.Uid, Gid = user.Gid };
            }
            container.Pristine = false;
            try
            {
                await ArchiveService.ExtractAsync(place.Root, place.Path, tar, options, cancellation);
            }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound)
            {
                throw new WharfException(ErrorKind.NotFound, $"Could not find the file {path} in container {nameOrId}", error);
            }
            catch (SyscallException error) when (error.Errno == Errno.EROFS)
            {
                throw WharfException.Invalid("mounted volume is marked read-only", error);
            }
        }
        Publish(container, "extract-to-dir");
    }

    /// <summary>Writes the whole root file system as tar, without what is mounted in it.</summary>
    public async Task ExportAsync(string nameOrId, Func<Stream> begin, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        // Not through the process's own root: what is mounted there covers the files below.
        using var root = _snapshots.OpenRootReadOnly(container.Id);
        await ArchiveService.WriteRootAsync(root, begin(), cancellation);
        Publish(container, "export");
    }

    /// <summary>The root as the container's own processes see it, or of one that does not run, mounted nowhere.</summary>
    private Fd OpenContainerRoot(Container container) => container.State.HasProcess
        ? OpenAt.Open($"/proc/{container.State.Pid}/root", O.PATH | O.DIRECTORY)
        : _snapshots.OpenRoot(container.Id);

    /// <summary>A place in a container: its root or one of its volumes, and the path below that.</summary>
    private sealed record Place(Fd Root, string Path, bool ReadOnly, bool OfMount) : IDisposable
    {
        /// <summary>Where in the container the root is mounted; empty for the container's own.</summary>
        public string Prefix { get; init; } = "";

        public void Dispose() => Root.Dispose();
    }

    private (Container Container, Place Place) OpenPath(string nameOrId, string path)
    {
        if (path.Length == 0) throw WharfException.Invalid("bad parameter: path cannot be empty");
        if (path.Contains('\0')) throw WharfException.Invalid("bad parameter: path holds a NUL byte");
        var container = _index.Get(nameOrId);
        if (container.State.HasProcess) return (container, new Place(OpenContainerRoot(container), path, ReadOnly: false, OfMount: false));
        // Nothing is mounted: a path into a volume is led there by the mount's destination.
        if (MountOver(container.Document.Mounts, path) is { } mount)
        {
            var inside = path.TrimStart('/')[(mount.Destination!.Trim('/').Length)..];
            return (container, new Place(OpenAt.Open(mount.Source!, O.PATH), inside.Length == 0 ? "/" : inside, mount.RW == false, OfMount: true) { Prefix = "/" + mount.Destination.Trim('/') });
        }
        return (container, new Place(_snapshots.OpenRoot(container.Id), path, container.HostConfig.ReadonlyRootfs == true, OfMount: false));
    }

    /// <summary>The deepest mount with a source on the host that <paramref name="path"/> lies in.</summary>
    internal static MountPoint? MountOver(IEnumerable<MountPoint> mounts, string path)
    {
        var wanted = "/" + path.Trim('/') + "/";
        return mounts.Where(mount => mount is { Source.Length: > 0, Destination.Length: > 1 } && mount.Type is "bind" or "volume" && wanted.StartsWith(mount.Destination.TrimEnd('/') + "/", StringComparison.Ordinal))
            .MaxBy(mount => mount.Destination!.Length);
    }

    private static T Locate<T>(string nameOrId, string path, Func<T> find)
    {
        try
        {
            return find();
        }
        catch (Exception error) when (error is WharfException { Kind: ErrorKind.NotFound } or SyscallException { Errno: Errno.ENOENT or Errno.ENOTDIR })
        {
            throw new WharfException(ErrorKind.NotFound, $"Could not find the file {path} in container {nameOrId}", error);
        }
    }
}
