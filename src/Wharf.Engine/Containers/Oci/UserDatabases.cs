using System.Collections.Concurrent;
using Wharf.Engine.Snapshots;
using Wharf.Linux.Fds;
using Wharf.Linux.Syscalls;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Oci;

/// <summary>Who a container's process runs as, looked up in its own passwd and group files. Those of untouched images are kept.</summary>
internal sealed class UserDatabases(SnapshotService snapshots, long fileLimit)
{
    private const int Kept = 64;

    private readonly ConcurrentDictionary<string, UserDatabase> _byChain = new(StringComparer.Ordinal);

    public UserDatabase Of(Container container)
    {
        if (container.State.HasProcess) return OfProcess(container);
        var chain = container.Pristine ? container.Document.ChainId : null;
        if (chain is not null && _byChain.TryGetValue(chain, out var known)) return known;
        using var root = snapshots.OpenRoot(container.Id);
        var database = Read(root);
        if (chain is null) return database;
        // Few images are in use at a time; starting over is cheaper than keeping count of who was used last.
        if (_byChain.Count >= Kept) _byChain.Clear();
        return _byChain.GetOrAdd(chain, database);
    }

    private UserDatabase OfProcess(Container container)
    {
        try
        {
            using var root = OpenAt.Open($"/proc/{container.State.Pid}/root", O.PATH | O.DIRECTORY);
            return Read(root);
        }
        catch (SyscallException error) when (error.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            // It has just ended; its exit is on the way.
            throw new WharfException(ErrorKind.Conflict, $"container {container.Id} is not running", error);
        }
    }

    private UserDatabase Read(Fd root) => UserDatabase.Parse(RootReader.Read(root, "etc/passwd", fileLimit), RootReader.Read(root, "etc/group", fileLimit));
}
