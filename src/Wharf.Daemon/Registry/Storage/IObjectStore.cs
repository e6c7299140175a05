using Wharf.Engine.Content;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>A stored object: its key, size in bytes and when it was last written.</summary>
public sealed record ObjectInfo(string Key, long Size, DateTimeOffset Modified);

/// <summary>One object written whole, or deleted when <see cref="Data"/> is null.</summary>
public readonly record struct ObjectChange(string Key, ReadOnlyMemory<byte>? Data)
{
    public static ObjectChange Write(string key, ReadOnlyMemory<byte> data) => new(key, data);
    public static ObjectChange Delete(string key) => new(key, null);
}

/// <summary>
/// Where a registry keeps its bytes: objects by key, a file system's directory or a bucket. What is in here is the truth; every index is
/// made from it. Keys are made of this program's own words, digests and checked repository names and tags, never of anything else.
/// </summary>
public interface IObjectStore : IAsyncDisposable
{
    /// <summary>True when other processes may write to the same store: nothing of it may be remembered as fact then.</summary>
    bool IsShared { get; }

    /// <summary>Null when there is no such object.</summary>
    Task<ObjectInfo?> StatAsync(string key, CancellationToken cancellation);

    /// <summary>Opens an object from an offset; null when there is none.</summary>
    Task<Stream?> OpenReadAsync(string key, long offset, long? length, CancellationToken cancellation);

    /// <summary>The object's path when it is a file of this machine, for reading without a detour; null when it is elsewhere.</summary>
    string? LocalPath(string key);

    /// <summary>
    /// Makes the changes in their order; they are durable once this returns. A file system makes all or none of them, whenever the process
    /// or the machine ends; a bucket may be left between two. Each is idempotent.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<ObjectChange> changes, CancellationToken cancellation);

    /// <summary>Makes a finished local file an object; the file is gone afterwards. Atomic; an object that is there already is replaced.</summary>
    Task TakeFileAsync(string path, string key, CancellationToken cancellation);

    /// <summary>Creates an object whose loss in a power cut does no harm, because it can be made anew from others.</summary>
    Task HintAsync(string key, CancellationToken cancellation);

    /// <summary>Returns when the objects taken earlier would outlast a power cut.</summary>
    Task FlushAsync(IReadOnlyCollection<string> keys, CancellationToken cancellation);

    Task DeleteAsync(string key, CancellationToken cancellation);

    /// <summary>All objects whose key begins with the prefix, which ends in a slash.</summary>
    IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, CancellationToken cancellation);
}

/// <summary>Reading small objects whole.</summary>
public static class ObjectStoreExtensions
{
    public static async Task<byte[]?> ReadAsync(this IObjectStore store, string key, long limit, CancellationToken cancellation)
    {
        await using var stream = await store.OpenReadAsync(key, 0, null, cancellation);
        if (stream is null) return null;
        return await stream.ReadWholeAsync(limit, () => new InvalidDataException($"the object {key} is larger than {limit} bytes"), cancellation);
    }
}

/// <summary>A store elsewhere, which other processes share.</summary>
public interface ISharedStore : IObjectStore
{
    /// <summary>Makes a part of a local file an object; the file stays.</summary>
    Task PutRangeAsync(string path, long from, long length, string key, CancellationToken cancellation);

    /// <summary>Copies an object of so many bytes within the store; false when it is too large for that.</summary>
    Task<bool> TryCopyAsync(string from, string to, long size, CancellationToken cancellation);

    /// <summary>Objects whose key begins with the prefix and comes after another, in the order of keys.</summary>
    IAsyncEnumerable<ObjectInfo> ListAfterAsync(string prefix, string after, CancellationToken cancellation);
}

/// <summary>A store that can let clients read from it directly.</summary>
public interface IRedirects
{
    /// <summary>Where the object may be read for a while; null when it should be read through the registry.</summary>
    Uri? RedirectFor(string key);
}
