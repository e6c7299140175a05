using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Build;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>
/// Copies of clients' directories, kept from build to build so that only what changed has to travel. One build at a time uses a copy; another that
/// comes meanwhile gets one of its own, which is thrown away.
/// </summary>
internal sealed class LocalContexts(string root)
{
    private const int MaxKept = 64;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _inUse = new(StringComparer.Ordinal);

    /// <summary>Brings a directory of the client here. Disposing the context gives the copy back.</summary>
    public async Task<BuildContext> ReceiveAsync(ClientSession session, SyncFilter filter, Action<long> received, CancellationToken cancellation)
    {
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n',
            [session.SharedKey, filter.Name, .. filter.Includes ?? [], "-", .. filter.Excludes ?? [], "-", .. filter.FollowPaths ?? []]))))[..32];
        bool kept = session.SharedKey.Length > 0 && Take(key);
        var path = Path.Combine(root, kept ? key : "once-" + Guid.NewGuid().ToString("n"));
        try
        {
            if (kept) RemoveOldest();
            Directory.CreateDirectory(path);
            await DirectoryReceiver.ReceiveAsync(session, filter, path, received, cancellation);
            if (kept) Directory.SetLastAccessTimeUtc(path, DateTime.UtcNow);
            return new BuildContext(path, new HashSet<string>(), () => GiveBack(path, kept ? key : null));
        }
        catch
        {
            GiveBack(path, kept ? key : null);
            throw;
        }
    }

    /// <summary>Forgets all copies that no build uses; gives the bytes freed.</summary>
    public long Prune()
    {
        if (!Directory.Exists(root)) return 0;
        long freed = 0;
        foreach (var path in Directory.EnumerateDirectories(root))
        {
            if (!Take(Path.GetFileName(path))) continue;
            freed += TreeSize.Of(path);
            TreeRemoval.Remove(path);
            lock (_lock) _inUse.Remove(Path.GetFileName(path));
        }
        return freed;
    }

    /// <summary>The copies, with their sizes.</summary>
    public IEnumerable<(string Id, long Size, DateTimeOffset UsedAt, bool InUse)> List()
    {
        if (!Directory.Exists(root)) yield break;
        foreach (var path in Directory.EnumerateDirectories(root))
        {
            var id = Path.GetFileName(path);
            bool inUse;
            lock (_lock) inUse = _inUse.Contains(id);
            // A look changes the time: it comes first.
            var usedAt = new DateTimeOffset(Directory.GetLastAccessTimeUtc(path), TimeSpan.Zero);
            yield return (id, TreeSize.Of(path), usedAt, inUse);
        }
    }

    private bool Take(string key)
    {
        lock (_lock) return _inUse.Add(key);
    }

    private void GiveBack(string path, string? key)
    {
        if (key is null)
        {
            if (Directory.Exists(path)) TreeRemoval.Remove(path);
            return;
        }
        lock (_lock) _inUse.Remove(key);
    }

    private void RemoveOldest()
    {
        if (!Directory.Exists(root)) return;
        var directories = Directory.GetDirectories(root);
        if (directories.Length < MaxKept) return;
        foreach (var path in directories.OrderBy(Directory.GetLastAccessTimeUtc).Take(directories.Length - MaxKept + 1))
        {
            var key = Path.GetFileName(path);
            if (!Take(key)) continue;
            TreeRemoval.Remove(path);
            lock (_lock) _inUse.Remove(key);
        }
    }
}
