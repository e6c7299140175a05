using Wharf.Linux.Fds;

namespace Wharf.Linux.Mounts;

/// <summary>
/// A root with mounts on it, in a mount namespace that no process is in: only who has the root open sees them, and the kernel takes them
/// apart when this is closed, or with the process.
/// </summary>
public sealed class MountView : IDisposable
{
    private readonly Fd _namespace;

    private MountView(Fd root, Fd mounts) => (Root, _namespace) = (root, mounts);

    /// <summary>The root; paths from here lead into what is mounted on it.</summary>
    public Fd Root { get; }

    /// <summary>Takes over a detached mount. <paramref name="mount"/> attaches others on it (<see cref="MountTree.Attach"/>) and runs where that is possible.</summary>
    public static MountView Make(Fd root, Action mount)
    {
        try
        {
            return new MountView(root, MountNamespace.InOwn(() =>
            {
                // Nothing can be mounted on a detached mount before Linux 6.15. Over the namespace's root it is in nobody's way.
                using var place = OpenAt.Open("/", O.PATH | O.DIRECTORY);
                MountTree.Attach(root, place, "/");
                mount();
                return OpenAt.Open("/proc/thread-self/ns/mnt", O.RDONLY);
            }));
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Root.Dispose();
        _namespace.Dispose();
    }
}
