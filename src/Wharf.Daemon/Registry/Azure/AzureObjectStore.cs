using System.Net;
using System.Runtime.CompilerServices;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;

namespace Wharf.Daemon.Registry.Azure;

/// <summary>Objects as blobs of a container in Azure, which any number of registry processes may share.</summary>
internal sealed class AzureObjectStore(AzureClient client, string prefix, bool redirects) : ISharedStore, IRedirects
{
    private const long BlockSize = 16 << 20;
    private static readonly TimeSpan UrlLifetime = TimeSpan.FromMinutes(20);

    public static async Task<AzureObjectStore> OpenAsync(StorageConfig config, CancellationToken cancellation)
    {
        var client = new AzureClient(config);
        await client.CreateContainerAsync(cancellation);
        return new AzureObjectStore(client, config.Prefix.Trim('/') is { Length: > 0 } prefix ? prefix + "/" : "", config.Redirect);
    }

    public bool IsShared => true;
    public string? LocalPath(string key) => null;
    public Uri? RedirectFor(string key) => redirects ? client.SignedUrl(prefix + key, UrlLifetime) : null;

    public async Task<ObjectInfo?> StatAsync(string key, CancellationToken cancellation)
    {
        using var response = await client.SendAsync(HttpMethod.Head, prefix + key, "", null, cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        await AzureClient.CheckAsync(response, $"head {key}", cancellation);
        return new ObjectInfo(key, response.Content.Headers.ContentLength ?? 0, response.Content.Headers.LastModified ?? DateTimeOffset.UtcNow);
    }

    public async Task<Stream?> OpenReadAsync(string key, long offset, long? length, CancellationToken cancellation)
    {
        (string, string)[] range = offset > 0 || length is not null ? [("x-ms-range", $"bytes={offset}-{(length is null ? "" : offset + length - 1)}")] : [];
        var response = await client.SendAsync(HttpMethod.Get, prefix + key, "", null, cancellation, range);
        if (response.IsSuccessStatusCode) return await response.Content.ReadAsStreamAsync(cancellation);
        using (response)
        {
            if (response.StatusCode == HttpStatusCode.NotFound) return null;
            // A range of an empty blob cannot be satisfied; there is nothing to read in it.
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) return Stream.Null;
            await AzureClient.CheckAsync(response, $"get {key}", cancellation);
            return null;
        }
    }

    public async Task ApplyAsync(IReadOnlyList<ObjectChange> changes, CancellationToken cancellation)
    {
        foreach (var change in changes)
        {
            if (change.Data is { } data) await client.PutAsync(prefix + change.Key, data, cancellation);
            else await client.DeleteAsync(prefix + change.Key, cancellation);
        }
    }

    public async Task TakeFileAsync(string path, string key, CancellationToken cancellation)
    {
        await client.PutFileAsync(prefix + key, path, 0, new FileInfo(path).Length, BlockSize, cancellation);
        File.Delete(path);
    }

    public Task PutRangeAsync(string path, long from, long length, string key, CancellationToken cancellation) => client.PutFileAsync(prefix + key, path, from, length, BlockSize, cancellation);

    public async Task<bool> TryCopyAsync(string from, string to, long size, CancellationToken cancellation)
    {
        await client.CopyAsync(prefix + from, prefix + to, cancellation);
        return true;
    }

    public Task HintAsync(string key, CancellationToken cancellation) => client.PutAsync(prefix + key, ReadOnlyMemory<byte>.Empty, cancellation);
    public Task FlushAsync(IReadOnlyCollection<string> keys, CancellationToken cancellation) => Task.CompletedTask;
    public Task DeleteAsync(string key, CancellationToken cancellation) => client.DeleteAsync(prefix + key, cancellation);

    public IAsyncEnumerable<ObjectInfo> ListAsync(string listPrefix, CancellationToken cancellation) => PagesAsync(listPrefix, null, cancellation);
    public IAsyncEnumerable<ObjectInfo> ListAfterAsync(string listPrefix, string after, CancellationToken cancellation) => PagesAsync(listPrefix, after, cancellation);

    /// <summary>The service lists in the order of names, but not from a name on: what comes before is passed over.</summary>
    private async IAsyncEnumerable<ObjectInfo> PagesAsync(string listPrefix, string? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? marker = null;
        do
        {
            var (objects, next) = await client.ListAsync(prefix + listPrefix, marker, cancellation);
            foreach (var (key, size, modified) in objects)
                if (after is null || string.CompareOrdinal(key, prefix.Length, after, 0, int.MaxValue) > 0) yield return new ObjectInfo(key[prefix.Length..], size, modified);
            marker = next;
        } while (marker is not null);
    }

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }
}
