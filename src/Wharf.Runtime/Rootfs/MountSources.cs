using Wharf.Linux.Fds;
using Wharf.Linux.Mounts;
using Wharf.Specs.Runtime;

namespace Wharf.Runtime.Rootfs;

/// <summary>
/// What must be there before a container's mount namespace is cut off: copies of what it binds from the host, of which one taken after that could never
/// propagate to the host what the container mounts below it (mount_namespaces(7), "shared subtrees"); and what a program serves, which must not hold that namespace.
/// </summary>
public sealed class MountSources : IDisposable
{
    private readonly Dictionary<Mount, Fd> _copies = new(ReferenceEqualityComparer.Instance);

    public MountSources(Spec spec, Root? root, IReadOnlyList<Mount> rootfs)
    {
        try
        {
            foreach (var mount in spec.Mounts ?? [])
            {
                var options = MountOptions.Parse(mount.Options);
                if (options is { Bind: true, Propagation: MountFlags.MS_SHARED or MountFlags.MS_SLAVE } && mount.Source is { Length: > 0 } source)
                    _copies[mount] = MountTree.Clone(source, options.Recursive);
            }
            foreach (var mount in (spec.Mounts ?? []).Concat(rootfs).Where(static mount => mount.Type == FuseOverlayMount.Type))
            {
                var options = MountOptions.Parse(mount.Options);
                _copies[mount] = FuseOverlayMount.Create(options.Data, options.Set);
            }
            if (root is not null) Root = MountTree.Clone(root.Path, recursive: true);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The bundle's root file system.</summary>
    public Fd? Root { get; }

    public Fd? Take(Mount mount) => _copies.Remove(mount, out var copy) ? copy : null;

    public void Dispose()
    {
        foreach (var copy in _copies.Values) copy.Dispose();
        Root?.Dispose();
    }
}
