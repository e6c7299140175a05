using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Build;
using Wharf.Engine.Build.Caching;

namespace Wharf.Daemon.BuildKit.Sessions;

/// <summary>
/// Copies of clients' directories, kept from build to build so that only what changed has to travel. One build at a time uses a copy; another that
/// comes meanwhile gets one of its own, which is thrown away.
/// </summary>
internal sealed class LocalContexts(string root) : ICachedDirectories
{
    private const int MaxKept = 64;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _inUse = new(StringComparer.Ordinal);

    /// <summary>Brings a directory of the client here. Disposing the context gives the copy back.</summary>
    public async Task<BuildContext> ReceiveAsync(ClientSession session, SyncFilter filter, Action<long> received, CancellationToken cancellation)
    {
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n',
            [session.SharedKey, filter.Name, .. filter.Includes ?? [], "-", .. filter.Excludes ?? [], "-", .. filter.FollowPaths ?? []]))))[..32];
        bool kept = !filter.Anew && session.SharedKey.Length > 0 && Take(key);
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

    public bool Remove(string id)
    {
        var path = Path.Combine(root, Path.GetFileName(id));
        if (id.Length == 0 || !Directory.Exists(path) || !Take(Path.GetFileName(id))) return false;
        try { TreeRemoval.Remove(path); }
        finally { GiveBack(path, Path.GetFileName(id)); }
        return true;
    }

    public IEnumerable<CacheEntry> List()
    {
        if (!Directory.Exists(root)) yield break;
        foreach (var path in Directory.EnumerateDirectories(root))
        {
            var id = Path.GetFileName(path);
            bool inUse;
            lock (_lock) inUse = _inUse.Contains(id);
            // A look changes the time: it comes first.
            var usedAt = new DateTimeOffset(Directory.GetLastAccessTimeUtc(path), TimeSpan.Zero);
            yield return new CacheEntry(id, "source.local", "local source for context", TreeSize.Of(path), Mutable: true, inUse, Shared: false, [], usedAt, usedAt, 1);
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
        foreach (var path in directories.OrderBy(Directory.GetLastAccessTimeUtc).Take(directories.Length - MaxKept + 1)) Remove(Path.GetFileName(path));
    }
}
