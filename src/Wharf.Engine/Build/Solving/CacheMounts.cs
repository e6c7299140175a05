using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Wharf.Engine.Archive;
using Wharf.Engine.Build.Caching;
using Wharf.Linux.Fds;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build.Solving;

/// <summary>Directories of <c>RUN --mount=type=cache</c>: kept from build to build, outside of all images. Beside each lies a file with its ID as it was written.</summary>
internal sealed class CacheMounts(string root) : ICachedDirectories
{
    /// <summary>A file beside the directory: what it says is the ID, its time when the cache was last used. The directory's own would be that of the last look.</summary>
    private const string IdSuffix = ".id";

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _locks = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _inUse = new(StringComparer.Ordinal);

    /// <summary>A cache in use by one step. Disposing gives it back.</summary>
    public sealed class Lease(string path, Action release) : IDisposable
    {
        public string Path { get; } = path;
        public void Dispose() => release();
    }

    /// <summary>Mode and owner of a cache that is made anew, and what it holds at first.</summary>
    public sealed record NewCache(uint Mode, uint Uid, uint Gid, Func<string, Task>? Fill);

    /// <summary>The directory of an ID; <c>locked</c> waits until nobody else has it, <c>private</c> takes another when somebody has.</summary>
    public async Task<Lease> TakeAsync(string id, string sharing, NewCache make, CancellationToken cancellation)
    {
        var name = NameOf(id);
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
            if (!Directory.Exists(path)) await MakeAsync(path, id, make);
            File.SetLastWriteTimeUtc(path + IdSuffix, DateTime.UtcNow);
            return new Lease(path, () => Release(name, gate));
        }
        catch
        {
            // The gate was not entered: only the count goes back.
            Release(name, null);
            throw;
        }
    }

    private static async Task MakeAsync(string path, string id, NewCache make)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var fresh = path + ".new-" + Guid.NewGuid().ToString("n");
        Directory.CreateDirectory(fresh);
        if (make.Fill is not null) await make.Fill(fresh);
        var name = Encoding.UTF8.GetBytes(fresh);
        FileAt.Check(FileAt.ChangeOwner(OpenAt.AT_FDCWD, name, make.Uid, make.Gid), "fchownat", name);
        FileAt.Check(FileAt.ChangeMode(OpenAt.AT_FDCWD, name, make.Mode), "fchmodat", name);
        await File.WriteAllTextAsync(path + IdSuffix, id);
        try
        {
            Directory.Move(fresh, path);
        }
        catch (IOException) when (Directory.Exists(path))
        {
            // Another step made it meanwhile: that one counts.
            TreeRemoval.Remove(fresh);
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

    /// <summary>All caches.</summary>
    public IEnumerable<CacheEntry> List()
    {
        if (!Directory.Exists(root)) yield break;
        foreach (var directory in new DirectoryInfo(root).EnumerateDirectories())
        {
            if (directory.Name.Contains(".new-", StringComparison.Ordinal)) continue;
            yield return new CacheEntry(directory.Name, "exec.cachemount", $"cached mount {IdOf(directory.FullName)}", TreeSize.Of(directory.FullName), Mutable: true, InUse: _inUse.ContainsKey(directory.Name), Shared: false, [],
                new DateTimeOffset(directory.CreationTimeUtc), new DateTimeOffset(File.GetLastWriteTimeUtc(directory.FullName + IdSuffix)), 1);
        }
    }

    /// <summary>Writes what the cache of an ID holds as a tar; NotFound when there is none. A build that uses it meanwhile goes on.</summary>
    public async Task ExportAsync(string id, Stream output, CancellationToken cancellation)
    {
        var path = Path.Combine(root, NameOf(id));
        if (!Directory.Exists(path)) throw WharfException.NotFound($"no cache mount with the ID \"{id}\"");
        using var lease = await TakeAsync(id, "shared", new NewCache(0x1ed, 0, 0, null), cancellation);
        using var directory = OpenAt.Open(path, O.RDONLY | O.DIRECTORY);
        await ArchiveService.WriteRootAsync(directory, output, cancellation);
    }

    /// <summary>Puts the files of a tar into the cache of an ID, which is made where there is none. Nothing of it gets outside the cache's directory.</summary>
    public async Task ImportAsync(string id, Stream archive, CancellationToken cancellation)
    {
        if (id.Length == 0) throw WharfException.Invalid("a cache mount needs an ID");
        using var lease = await TakeAsync(id, "locked", new NewCache(0x1ed, 0, 0, null), cancellation);
        using var directory = OpenAt.Open(lease.Path, O.RDONLY | O.DIRECTORY);
        await ArchiveService.ExtractAsync(directory, "/", archive, new ArchiveExtractOptions(), cancellation);
    }

    private static string NameOf(string id) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..25];

    private static string IdOf(string path) => File.Exists(path + IdSuffix) ? File.ReadAllText(path + IdSuffix) : Path.GetFileName(path);

    public bool Remove(string name)
    {
        var path = Path.Combine(root, Path.GetFileName(name));
        if (name.Length == 0 || !Directory.Exists(path) || !_inUse.TryAdd(Path.GetFileName(name), 1)) return false;
        try
        {
            TreeRemoval.Remove(path);
            File.Delete(path + IdSuffix);
            return true;
        }
        finally { Release(Path.GetFileName(name), null); }
    }
}
