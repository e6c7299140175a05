using System.Globalization;
using Wharf.Daemon.Registry.Http;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// Uploads over a store that several processes share. Beside the local file, what each answered request brought lies there as an object named by where it begins:
/// <c>uploads/NAME/_u/UUID/OFFSET</c>. A process that has less than the store fetches the rest.
/// </summary>
public sealed partial class UploadStore
{
    private const string Begun = "begun";

    private static string PrefixOf(string name, string id) => $"{Keys.Uploads}{name}/_u/{id}/";

    private Task MarkAsync(Upload upload, CancellationToken cancellation)
    {
        var key = PrefixOf(upload.Name, upload.Id) + Begun;
        upload.SavedKeys.Add(key);
        return _shared!.ApplyAsync([ObjectChange.Write(key, ReadOnlyMemory<byte>.Empty)], cancellation);
    }

    /// <summary>Puts what came since the last time into the shared store. The upload's gate is held.</summary>
    public async Task SaveAsync(Upload upload, CancellationToken cancellation)
    {
        if (_shared is null || upload.SavedKeys.Count == 0 || upload.Saved >= upload.Offset) return;
        var key = $"{PrefixOf(upload.Name, upload.Id)}{upload.Saved:D20}";
        await _shared.PutRangeAsync(upload.Path, upload.Saved, upload.Offset - upload.Saved, key, cancellation);
        upload.SavedKeys.Add(key);
        upload.Saved = upload.Offset;
    }

    private async Task<Upload> FindSharedAsync(string name, string id, CancellationToken cancellation)
    {
        var prefix = PrefixOf(name, id);
        var objects = new List<ObjectInfo>();
        await foreach (var one in _shared!.ListAsync(prefix, cancellation)) objects.Add(one);
        if (objects.Count == 0)
        {
            // Ended at another process.
            if (_open.TryGetValue(id, out var gone)) End(gone);
            throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        }
        var upload = _open.GetOrAdd(id, _ => new Upload(id, name, PathOf(name, id)));
        // Somebody writes to it here and now: who wants to write too is told so, and who asks gets what is known.
        if (!upload.Gate.Wait(0, CancellationToken.None)) return upload;
        try
        {
            Touch(upload.Path);
            if (upload.Offset == 0) await upload.ResumeAsync(cancellation);
            upload.SavedKeys.Clear();
            upload.SavedKeys.AddRange(objects.Select(one => one.Key));
            upload.Saved = 0;
            foreach (var one in objects)
                if (long.TryParse(one.Key.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long at)) await CatchUpAsync(upload, one, at, cancellation);
            // What a process received and could not save any more.
            await SaveAsync(upload, cancellation);
        }
        finally { upload.Gate.Release(); }
        return upload;
    }

    private async Task CatchUpAsync(Upload upload, ObjectInfo part, long at, CancellationToken cancellation)
    {
        upload.Saved = Math.Max(upload.Saved, at + part.Size);
        if (at + part.Size <= upload.Offset) return;
        if (at > upload.Offset) throw new RegistryException(RegistryErrorCode.BlobUploadInvalid, "a part of the upload is missing in the store");
        await using var stream = await _shared!.OpenReadAsync(part.Key, upload.Offset - at, null, cancellation) ?? throw new RegistryException(RegistryErrorCode.BlobUploadUnknown);
        await upload.AppendAsync(stream, long.MaxValue, cancellation);
    }

    /// <summary>What one request brought whole is copied within the store: it is not sent there twice.</summary>
    private async Task<bool> TryCopyAsync(Upload upload, string key, CancellationToken cancellation)
    {
        var parts = upload.SavedKeys.Where(static saved => !saved.EndsWith(Begun, StringComparison.Ordinal)).ToList();
        return parts.Count == 1 && upload.Saved == upload.Offset && await _shared!.TryCopyAsync(parts[0], key, upload.Offset, cancellation);
    }

    private async Task ForgetAsync(Upload upload)
    {
        if (_shared is null) return;
        await Task.WhenAll(upload.SavedKeys.Select(key => _shared.DeleteAsync(key, CancellationToken.None)));
    }

    private async Task<int> ExpireSharedAsync(DateTimeOffset before, CancellationToken cancellation)
    {
        int count = 0;
        var uploads = new Dictionary<string, List<ObjectInfo>>(StringComparer.Ordinal);
        await foreach (var one in _shared!.ListAsync(Keys.Uploads, cancellation))
        {
            var prefix = one.Key[..(one.Key.LastIndexOf('/') + 1)];
            if (!uploads.TryGetValue(prefix, out var objects)) uploads[prefix] = objects = [];
            objects.Add(one);
        }
        foreach (var objects in uploads.Values.Where(objects => objects.TrueForAll(one => one.Modified < before)))
        {
            foreach (var one in objects) await _shared.DeleteAsync(one.Key, cancellation);
            count++;
        }
        return count;
    }
}
