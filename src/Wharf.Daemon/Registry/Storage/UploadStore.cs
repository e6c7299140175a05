using System.Collections.Concurrent;
using Wharf.Daemon.Registry.Http;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// The uploads under way, as files of this machine: <c>uploads/NAME/_u/UUID</c>. They outlive the process. Over a shared store what was answered lies there too, so
/// that any process may go on with it.
/// </summary>
public sealed partial class UploadStore : IDisposable
{
    private readonly string _root;
    private readonly ISharedStore? _shared;
    private readonly ConcurrentDictionary<string, Upload> _open = new(StringComparer.Ordinal);

    public UploadStore(string root, ISharedStore? shared = null)
    {
        _shared = shared;
        _root = Path.Combine(Path.GetFullPath(root), "uploads");
        Directory.CreateDirectory(_root);
    }

    public int Count => _open.Count;

    /// <summary>Begins a session that outlives this process and, over a shared store, may be gone on with at another.</summary>
    public async Task<Upload> BeginAsync(string name, CancellationToken cancellation)
    {
        var upload = Begin(name);
        if (_shared is null) return upload;
        try { await MarkAsync(upload, cancellation); }
        catch
        {
            End(upload);
            throw;
        }
        return upload;
    }

    /// <summary>Begins an upload that this process ends.</summary>
    public Upload Begin(string name)
    {
        var id = Guid.NewGuid().ToString("D");
        var upload = _open[id] = new Upload(id, name, PathOf(name, id));
        Touch(upload.Path);
        return upload;
    }

    private static void Touch(string path) => FileObjectStore.InDirectory(path, static path => File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write).Dispose());

    /// <summary>Finds a session of the repository, taking up one a former process began; BLOB_UPLOAD_UNKNOWN when there is none.</summary>
    public async Task<Upload> FindAsync(string name, string id, CancellationToken cancellation)
    {
        // Only what this store itself gives out: a UUID in its usual form, never a path.
        if (!Guid.TryParseExact(id, "D", out var guid) || guid.ToString("D") != id) throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        bool isKnown = _open.TryGetValue(id, out var known);
        if (isKnown && known!.Name != name) throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        if (_shared is not null) return await FindSharedAsync(name, id, cancellation);
        if (isKnown) return known!;
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

    /// <summary>Makes all that came an object of the store; the local file is gone then.</summary>
    public async Task MoveAsync(Upload upload, IObjectStore objects, string key, CancellationToken cancellation)
    {
        if (_shared is not null && await TryCopyAsync(upload, key, cancellation)) File.Delete(upload.Path);
        else await objects.TakeFileAsync(upload.Path, key, cancellation);
    }

    /// <summary>Ends a session; its bytes go unless they were taken.</summary>
    public async Task EndAsync(Upload upload)
    {
        End(upload);
        await ForgetAsync(upload);
    }

    /// <summary>Ends an upload that no other process knows of.</summary>
    public void End(Upload upload)
    {
        _open.TryRemove(upload.Id, out _);
        File.Delete(upload.Path);
    }

    /// <summary>Removes sessions nobody wrote to since a time; returns how many.</summary>
    public async Task<int> ExpireAsync(DateTimeOffset before, CancellationToken cancellation)
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
        // Over a shared store it is there that they end for all.
        return _shared is null ? count : await ExpireSharedAsync(before, cancellation);
    }

    private string PathOf(string name, string id) => Path.Combine(_root, name, "_u", id);

    public void Dispose()
    {
        foreach (var upload in _open.Values) upload.Dispose();
    }
}
