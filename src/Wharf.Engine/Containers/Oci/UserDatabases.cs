using System.Collections.Concurrent;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Who a container's process runs as, looked up in its own passwd and group files. Those of untouched images are kept.</summary>
internal sealed class UserDatabases(SnapshotService snapshots, long fileLimit)
{
    private const int Kept = 64;

    private readonly ConcurrentDictionary<string, UserDatabase> _byChain = new(StringComparer.Ordinal);

    public UserDatabase Of(Container container)
    {
        if (container.State.HasProcess) return OfProcess(container.State.Pid);
        var chain = container.Pristine ? container.Document.ChainId : null;
        if (chain is not null && _byChain.TryGetValue(chain, out var known)) return known;
        using var root = snapshots.OpenRoot(container.Id);
        var database = Read(root);
        if (chain is null) return database;
        // Few images are in use at a time; starting over is cheaper than keeping count of who was used last.
        if (_byChain.Count >= Kept) _byChain.Clear();
        return _byChain.GetOrAdd(chain, database);
    }

    private UserDatabase OfProcess(int pid)
    {
        using var root = OpenAt.Open($"/proc/{pid}/root", O.PATH | O.DIRECTORY);
        return Read(root);
    }

    private UserDatabase Read(Fd root) => UserDatabase.Parse(RootReader.Read(root, "etc/passwd", fileLimit), RootReader.Read(root, "etc/group", fileLimit));
}
