using Wharf.Engine.Archive;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>The stat of a path in a container (<c>docker cp</c>).</summary>
    public async Task<ArchiveStat> StatPathAsync(string nameOrId, string path, CancellationToken cancellation)
    {
        var (_, place) = await OpenPathAsync(nameOrId, path, cancellation);
        await using (place) return StatOf(nameOrId, path, place);
    }

    /// <summary>Writes a path of a container as tar. <paramref name="begin"/> gets the stat before the first byte.</summary>
    public async Task ReadArchiveAsync(string nameOrId, string path, Func<ArchiveStat, Stream> begin, CancellationToken cancellation)
    {
        var (container, place) = await OpenPathAsync(nameOrId, path, cancellation);
        await using (place) await ArchiveService.WritePathAsync(place.Root, path, begin(StatOf(nameOrId, path, place)), cancellation);
        Publish(container, "archive-path");
    }

    private static ArchiveStat StatOf(string nameOrId, string path, Place place)
    {
        try
        {
            return ArchiveService.Stat(place.Root, path);
        }
        catch (Exception error) when (error is WharfException { Kind: ErrorKind.NotFound } or SyscallException { Errno: Errno.ENOENT or Errno.ENOTDIR })
        {
            throw NoSuchFile(nameOrId, path, error);
        }
    }

    private static WharfException NoSuchFile(string nameOrId, string path, Exception error) => new(ErrorKind.NotFound, $"Could not find the file {path} in container {nameOrId}", error);

    private const string ReadOnlyVolume = "mounted volume is marked read-only", ReadOnlyRoot = "container rootfs is marked read-only";

    /// <summary>Extracts a tar into a directory of a container; what goes below a mount goes to what is mounted there.</summary>
    public async Task WriteArchiveAsync(string nameOrId, string path, Stream tar, ArchiveExtractOptions options, CancellationToken cancellation)
    {
        var (container, place) = await OpenPathAsync(nameOrId, path, cancellation);
        await using (place)
        {
            if (!place.IsRunning && WhyReadOnly(container, path) is { } reason) throw WharfException.Invalid(reason);
            if (options.CopyUidGid && container.Config.User is { Length: > 0 } name)
            {
                var user = _users.Of(container).Resolve(name);
                options = options with { Uid = user.Uid, Gid = user.Gid };
            }
            container.Pristine = false;
            try
            {
                await ArchiveService.ExtractAsync(place.Root, path, tar, options, cancellation);
            }
            catch (WharfException error) when (error.Kind == ErrorKind.NotFound)
            {
                throw NoSuchFile(nameOrId, path, error);
            }
            catch (SyscallException error) when (error.Errno == Errno.EROFS)
            {
                throw WharfException.Invalid(WhyReadOnly(container, path) ?? ReadOnlyVolume, error);
            }
            catch (SyscallException error) when (error.Errno == Errno.EBUSY)
            {
                throw new WharfException(ErrorKind.Conflict, $"cannot replace what something is mounted on in container {nameOrId}: {error.Message}", error);
            }
        }
        Publish(container, "extract-to-dir");
    }

    private static string? WhyReadOnly(Container container, string path) =>
        MountOver(container.Document.Mounts, path) is { } mount ? mount.RW == false ? ReadOnlyVolume : null : container.HostConfig.ReadonlyRootfs == true ? ReadOnlyRoot : null;

    /// <summary>Writes the whole root file system as tar, without what is mounted in it.</summary>
    public async Task ExportAsync(string nameOrId, Func<Stream> begin, CancellationToken cancellation)
    {
        var container = _index.Get(nameOrId);
        // Not through the process's own root: what is mounted there covers the files below.
        using var root = _snapshots.OpenRootReadOnly(container.Id);
        await ArchiveService.WriteRootAsync(root, begin(), cancellation);
        Publish(container, "export");
    }

    /// <summary>A container's root with what is mounted on it.</summary>
    private sealed record Place(Fd Root, bool IsRunning) : IAsyncDisposable
    {
        public MountView? View { get; init; }
        public Func<Task> Release { get; init; } = static () => Task.CompletedTask;

        public async ValueTask DisposeAsync()
        {
            Root.Dispose();
            View?.Dispose();
            await Release();
        }
    }

    private async Task<(Container Container, Place Place)> OpenPathAsync(string nameOrId, string path, CancellationToken cancellation)
    {
        if (path.Length == 0) throw WharfException.Invalid("bad parameter: path cannot be empty");
        if (path.Contains('\0')) throw WharfException.Invalid("bad parameter: path holds a NUL byte");
        var container = await SettledAsync(nameOrId, cancellation);
        if (container.State.HasProcess) return (container, new Place(OpenAt.Open($"/proc/{container.State.Pid}/root", O.PATH | O.DIRECTORY), IsRunning: true));
        return (container, await OpenStoppedAsync(container, cancellation));
    }

    /// <summary>The deepest mount with a source on the host that <paramref name="path"/> lies in.</summary>
    internal static MountPoint? MountOver(IEnumerable<MountPoint> mounts, string path)
    {
        var wanted = "/" + path.Trim('/') + "/";
        return mounts.Where(mount => mount is { Source.Length: > 0, Destination.Length: > 1 } && mount.Type is "bind" or "volume" && wanted.StartsWith(mount.Destination.TrimEnd('/') + "/", StringComparison.Ordinal))
            .MaxBy(mount => mount.Destination!.Length);
    }
}
