using System.Collections.Concurrent;
using Wharf.Daemon.Registry.Http;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// The uploads under way, as files of this machine: <c>uploads/NAME/_u/UUID</c>. They outlive the process; an upload belongs to the
/// process it was begun with.
/// </summary>
public sealed class UploadStore : IDisposable
{
    private readonly string _root;
    private readonly ConcurrentDictionary<string, Upload> _open = new(StringComparer.Ordinal);

    public UploadStore(string root)
    {
        _root = Path.Combine(Path.GetFullPath(root), "uploads");
        Directory.CreateDirectory(_root);
    }

    public int Count => _open.Count;

    /// <summary>Begins a session that outlives this process.</summary>
    public Upload Begin(string name)
    {
        var upload = Create(name);
        try { File.OpenHandle(upload.Path, FileMode.CreateNew, FileAccess.Write).Dispose(); }
        catch (DirectoryNotFoundException)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(upload.Path)!);
            File.OpenHandle(upload.Path, FileMode.CreateNew, FileAccess.Write).Dispose();
        }
        return upload;
    }

    private Upload Create(string name)
    {
        var id = Guid.NewGuid().ToString("D");
        return _open[id] = new Upload(id, name, PathOf(name, id));
    }

    /// <summary>Finds a session of the repository, taking up one a former process began; BLOB_UPLOAD_UNKNOWN when there is none.</summary>
    public async Task<Upload> FindAsync(string name, string id, CancellationToken cancellation)
    {
        // Only what this store itself gives out: a UUID in its usual form, never a path.
        if (!Guid.TryParseExact(id, "D", out var guid) || guid.ToString("D") != id) throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        if (_open.TryGetValue(id, out var known)) return known.Name == name ? known : throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        var path = PathOf(name, id);
        if (!File.Exists(path)) throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        var upload = _open.GetOrAdd(id, _ => new Upload(id, name, path));
        await upload.Gate.WaitAsync(cancellation);
        try
        {
            if (upload.Offset == 0) await upload.ResumeAsync(cancellation);
        }
        finally { upload.Gate.Release(); }
        return upload;
    }

    /// <summary>Ends a session; its bytes go unless they were taken.</summary>
    public void End(Upload upload)
    {
        _open.TryRemove(upload.Id, out _);
        File.Delete(upload.Path);
    }

    /// <summary>Removes sessions nobody wrote to since a time; returns how many.</summary>
    public int Expire(DateTimeOffset before)
    {
        int count = 0;
        foreach (var upload in _open.Values.Where(upload => upload.Used < before))
            if (upload.Gate.Wait(0))
            {
                End(upload);
                upload.Gate.Release();
                count++;
            }
        foreach (var file in new DirectoryInfo(_root).EnumerateFiles("*", SearchOption.AllDirectories))
            if (file.LastWriteTimeUtc < before.UtcDateTime && !_open.ContainsKey(file.Name))
            {
                file.Delete();
                count++;
            }
        return count;
    }

    private string PathOf(string name, string id) => Path.Combine(_root, name, "_u", id);

    public void Dispose()
    {
        foreach (var upload in _open.Values) upload.Dispose();
    }
}
