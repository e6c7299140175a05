using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Wharf.Engine.Build.Solving;

/// <summary>Directories of <c>RUN --mount=type=cache</c>: kept from build to build, outside of all images.</summary>
internal sealed class CacheMounts(string root)
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _locks = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _inUse = new(StringComparer.Ordinal);

    /// <summary>A cache in use by one step. Disposing gives it back.</summary>
    public sealed class Lease(string path, Action release) : IDisposable
    {
        public string Path { get; } = path;
        public void Dispose() => release();
    }

    /// <summary>The directory of an ID; <c>locked</c> waits until nobody else has it, <c>private</c> takes another when somebody has.</summary>
    public async Task<Lease> TakeAsync(string id, string sharing, uint mode, uint uid, uint gid, CancellationToken cancellation)
    {
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..32];
        if (sharing == "private") name = FreeName(name);
        else _inUse.AddOrUpdate(name, 1, static (_, count) => count + 1);
        SemaphoreSlim? gate = null;
        try
        {
            if (sharing == "locked")
            {
                gate = _locks.GetOrAdd(name, static _ => new SemaphoreSlim(1, 1));
                await gate.WaitAsync(cancellation);
            }
            var path = Path.Combine(root, name);
            if (!Directory.Exists(path))
            {
                Directory.CreateDirectory(path);
                using var directory = Linux.Fds.OpenAt.Open(path, Linux.Fds.O.PATH | Linux.Fds.O.DIRECTORY);
                Linux.Fds.FileAt.Check(Linux.Fds.FileAt.ChangeOwner(Linux.Fds.OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(path), uid, gid), "fchownat", Encoding.UTF8.GetBytes(path));
                Linux.Fds.FileAt.Check(Linux.Fds.FileAt.ChangeMode(Linux.Fds.OpenAt.AT_FDCWD, Encoding.UTF8.GetBytes(path), mode), "fchmodat", Encoding.UTF8.GetBytes(path));
            }
            return new Lease(path, () => Release(name, gate));
        }
        catch
        {
            // The gate was not entered: only the count goes back.
            Release(name, null);
            throw;
        }
    }

    private string FreeName(string name)
    {
        for (int i = 0; ; i++)
        {
            var candidate = i == 0 ? name : $"{name}-{i}";
            if (_inUse.TryAdd(candidate, 1)) return candidate;
        }
    }

    private void Release(string name, SemaphoreSlim? gate)
    {
        gate?.Release();
        if (_inUse.AddOrUpdate(name, 0, static (_, count) => count - 1) == 0) _inUse.TryRemove(new KeyValuePair<string, int>(name, 0));
    }

    /// <summary>Bytes of all caches.</summary>
    public long Size() => Directory.Exists(root) ? new DirectoryInfo(root).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }).Sum(file => file.Length) : 0;

    /// <summary>Removes the caches nobody uses.</summary>
    public void Prune()
    {
        if (!Directory.Exists(root)) return;
        foreach (var path in Directory.EnumerateDirectories(root))
            if (!_inUse.ContainsKey(Path.GetFileName(path))) Directory.Delete(path, recursive: true);
    }
}
