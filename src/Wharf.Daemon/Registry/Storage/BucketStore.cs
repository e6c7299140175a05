using System.Net;
using Wharf.Daemon.Registry.Config;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Objects in a bucket of a store elsewhere, which any number of registry processes may share.</summary>
internal abstract class BucketStore(BucketClient client, StorageConfig config) : ISharedStore, IRedirects
{
    private const long PartSize = 16 << 20;
    private static readonly TimeSpan UrlLifetime = TimeSpan.FromMinutes(20);

    /// <summary>What the keys of all objects begin with.</summary>
    protected string Prefix { get; } = config.Prefix.Trim('/') is { Length: > 0 } prefix ? prefix + "/" : "";

    public bool IsShared => true;
    public string? LocalPath(string key) => null;
    public Uri? RedirectFor(string key) => config.Redirect ? client.SignedUrl(Prefix + key, UrlLifetime) : null;

    public async Task<ObjectInfo?> StatAsync(string key, CancellationToken cancellation)
    {
        using var response = await client.SendAsync(HttpMethod.Head, Prefix + key, "", null, cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        await client.CheckAsync(response, $"head {key}", cancellation);
        return new ObjectInfo(key, response.Content.Headers.ContentLength ?? 0, response.Content.Headers.LastModified ?? DateTimeOffset.UtcNow);
    }

    public async Task<Stream?> OpenReadAsync(string key, long offset, long? length, CancellationToken cancellation)
    {
        (string, string)[] range = offset > 0 || length is not null ? [(client.RangeHeader, $"bytes={offset}-{(length is null ? "" : offset + length - 1)}")] : [];
        var response = await client.SendAsync(HttpMethod.Get, Prefix + key, "", null, cancellation, range);
        if (response.IsSuccessStatusCode) return await response.Content.ReadAsStreamAsync(cancellation);
        using (response)
        {
            if (response.StatusCode == HttpStatusCode.NotFound) return null;
            // A range of an empty object cannot be satisfied; there is nothing to read in it.
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return Stream.Null;
            await client.CheckAsync(response, $"get {key}", cancellation);
            return null;
        }
    }

    public async Task ApplyAsync(IReadOnlyList<ObjectChange> changes, CancellationToken cancellation)
    {
        foreach (var change in changes)
        {
            if (change.Data is { } data) await client.PutAsync(Prefix + change.Key, data, cancellation);
            else await client.DeleteAsync(Prefix + change.Key, cancellation);
        }
    }

    public async Task TakeFileAsync(string path, string key, CancellationToken cancellation)
    {
        await client.PutFileAsync(Prefix + key, path, 0, new FileInfo(path).Length, PartSize, cancellation);
        File.Delete(path);
    }

    public Task PutRangeAsync(string path, long from, long length, string key, CancellationToken cancellation) => client.PutFileAsync(Prefix + key, path, from, length, PartSize, cancellation);

    public virtual async Task<bool> TryCopyAsync(string from, string to, long size, CancellationToken cancellation)
    {
        await client.CopyAsync(Prefix + from, Prefix + to, cancellation);
        return true;
    }

    public Task HintAsync(string key, CancellationToken cancellation) => client.PutAsync(Prefix + key, ReadOnlyMemory<byte>.Empty, cancellation);
    public Task FlushAsync(IReadOnlyCollection<string> keys, CancellationToken cancellation) => Task.CompletedTask;
    public Task DeleteAsync(string key, CancellationToken cancellation) => client.DeleteAsync(Prefix + key, cancellation);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string listPrefix, CancellationToken cancellation) => PagesAsync(listPrefix, null, cancellation);
    public IAsyncEnumerable<ObjectInfo> ListAfterAsync(string listPrefix, string after, CancellationToken cancellation) => PagesAsync(listPrefix, after, cancellation);

    /// <summary>All objects below a prefix in the order of keys, or those whose key comes after another.</summary>
    protected abstract IAsyncEnumerable<ObjectInfo> PagesAsync(string listPrefix, string? after, CancellationToken cancellation);

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }
}
