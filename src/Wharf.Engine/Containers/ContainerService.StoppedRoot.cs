using System.Text;
using Wharf.Engine.Containers.Oci;
using Wharf.Engine.Snapshots.Drivers;
using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Shim;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers;

public sealed partial class ContainerService
{
    /// <summary>
    /// The root of a container that does not run, with the volumes, binds, images and files under /etc that it sees when it runs. The host
    /// has none of these mounts: they are in a namespace of their own (docs/design/0002). Places to mount on are made where they are
    /// missing, as a start makes them.
    /// </summary>
    private async Task<Place> OpenStoppedAsync(Container container, CancellationToken cancellation)
    {
        var volumes = container.Document.Mounts.Where(static point => point.Type == "volume").Select(static point => point.Name!).ToList();
        var user = "archive " + Guid.NewGuid().ToString("N");
        var mounted = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (var name in volumes) mounted[name] = await _volumes.MountAsync(name, user, cancellation);
            var mounts = await StoppedMountsAsync(container, mounted);
            var root = _snapshots.OpenRoot(container.Id);
            if (mounts.Count == 0) return new Place(root, IsRunning: false) { Release = ReleaseAsync };
            container.Pristine = false;
            var view = ViewOf(root, mounts);
            return new Place(view.Root, IsRunning: false) { View = view, Release = ReleaseAsync };
        }
        catch
        {
            await ReleaseAsync();
            throw;
        }

        async Task ReleaseAsync()
        {
            foreach (var name in mounted.Keys) await _volumes.UnmountAsync(name, user, CancellationToken.None);
        }
    }

    /// <summary>Those above others first. Binds of what is no longer there are left out: that is the next start's trouble.</summary>
    private async Task<List<Mount>> StoppedMountsAsync(Container container, IReadOnlyDictionary<string, string> volumes)
    {
        var points = container.Document.Mounts.Where(static point => point.Type != "tmpfs" && (point.Type != "bind" || Path.Exists(point.Source))).ToList();
        var mounts = points.Count == 0 ? [] : await MountsOfAsync(container, container.HostConfig with { Tmpfs = null }, points, volumes);
        if (NamespaceModes.ContainerOf(container.HostConfig.NetworkMode) is null)
            foreach (var name in EtcFiles)
                if (Path.Combine(DirectoryOf(container.Id), name) is var file && File.Exists(file) && !mounts.Exists(mount => mount.Destination == "/etc/" + name)) mounts.Add(DefaultMounts.Bind("/etc/" + name, file));
        return [.. mounts.OrderBy(static mount => mount.Destination!.Count(static letter => letter == '/'))];
    }

    private static MountView ViewOf(Fd root, List<Mount> mounts)
    {
        var unions = new Dictionary<Mount, Fd>(ReferenceEqualityComparer.Instance);
        try
        {
            // Before there is a namespace of their own, which a program that serves one of them would keep.
            foreach (var mount in mounts.Where(UnionFileSystem.Is)) unions.Add(mount, UnionFileSystem.Open(mount));
            return MountView.Make(root, () => mounts.ForEach(mount => Show(root, mount, unions.GetValueOrDefault(mount))));
        }
        finally
        {
            foreach (var tree in unions.Values) tree.Dispose();
        }
    }

    private static void Show(Fd root, Mount mount, Fd? union)
    {
        using var tree = union ?? TreeOf(mount);
        bool directory = FileStat.Of(tree).IsDirectory;
        using var place = PlaceFor(root, mount.Destination!, directory);
        if (place is not null && FileStat.Of(place).IsDirectory == directory) MountTree.Attach(tree, place, mount.Destination!);
    }

    private static Fd TreeOf(Mount mount)
    {
        var options = mount.Options ?? [];
        bool recursive = options.Contains("rbind");
        using var source = OpenAt.Open(mount.Source!, O.PATH);
        using var below = options.FirstOrDefault(static option => option.StartsWith(MountExtensions.Subpath, StringComparison.Ordinal)) is { } subpath
            ? OpenAt.InRoot(source, subpath[MountExtensions.Subpath.Length..], O.PATH, extra: Resolve.NoXdev) : null;
        var tree = MountTree.Clone(below ?? source, recursive);
        try
        {
            // What is mounted below must not come to the host.
            MountTree.SetAttributes(tree, 0, 0, MountFlags.MS_PRIVATE, recursive: true);
            if (options.Contains("ro") || options.Contains("rro")) MountTree.SetAttributes(tree, MountFlags.MOUNT_ATTR_RDONLY, 0, recursive: options.Contains("rro"));
            return tree;
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    /// <summary>The directory or file to mount on, made where it is missing; null where it cannot be.</summary>
    private static Fd? PlaceFor(Fd root, string path, bool directory)
    {
        if (OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out int errno) is { } there) return there;
        int slash = path.LastIndexOf('/');
        if (errno != Errno.ENOENT || slash < 0) return null;
        using var parent = PlaceFor(root, slash == 0 ? "/" : path[..slash], directory: true);
        if (parent is null) return null;
        var name = path[(slash + 1)..];
        if (!directory) OpenAt.TryInRoot(parent, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.NOCTTY, 0b110_100_100, Resolve.None, out _)?.Dispose();
        // Whether it is there now is seen by opening it.
        else _ = FileAt.MakeDirectory(parent.Value, Encoding.UTF8.GetBytes(name), 0b111_101_101);
        return OpenAt.TryInRoot(root, path, O.PATH, 0, Resolve.None, out _);
    }
}
