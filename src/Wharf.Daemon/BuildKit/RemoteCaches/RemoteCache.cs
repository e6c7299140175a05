using Wharf.Engine.Build;
using Wharf.Engine.Build.Caching;
using Wharf.Specs.Image;

namespace Wharf.Daemon.BuildKit.RemoteCaches;

/// <summary>A cache in a store that is no registry: layers by digest, and a document that names them, with BuildKit's names.</summary>
internal abstract class RemoteCache(string name) : ICacheSource
{
    /// <summary>What a cache is called that was given no name.</summary>
    public const string DefaultName = "buildkit";

    /// <summary>The most that a document may be; bytes.</summary>
    protected const int MaxDocument = 64 << 20;

    public string Name => name;

    /// <summary>How many layers are sent at a time.</summary>
    protected virtual int Parallelism => 4;

    public static bool Knows(string type) => type is CachePlace.S3 or CachePlace.Azure or CachePlace.Actions;

    /// <summary>Asks nothing of the store yet; InvalidArgument for what is missing or wrong.</summary>
    public static RemoteCache Open(CachePlace place) => place.Type switch { CachePlace.S3 => BucketCache.OpenS3(place), CachePlace.Azure => BucketCache.OpenAzure(place), _ => ActionsCache.OpenActions(place) };

    public abstract Task<Stream> OpenAsync(Digest blob, CancellationToken cancellation);

    /// <summary>The document; null when there is none yet.</summary>
    public abstract Task<byte[]?> ReadDocumentAsync(CancellationToken cancellation);

    /// <summary>Before the first write.</summary>
    protected virtual Task PrepareAsync(CancellationToken cancellation) => Task.CompletedTask;

    protected abstract Task<bool> HasAsync(Digest blob, CancellationToken cancellation);

    /// <summary>Stores a blob that lies in a file.</summary>
    protected abstract Task WriteBlobAsync(Descriptor blob, string path, CancellationToken cancellation);

    protected abstract Task WriteDocumentAsync(byte[] document, CancellationToken cancellation);

    /// <summary>Stores a cache: its layers first, so that a document never names what is not there.</summary>
    /// <param name="begin">Told of each layer that is sent; ended when it is.</param>
    public async Task WriteAsync(CacheLayout cache, BuildService builds, Func<string, IDisposable> begin, CancellationToken cancellation)
    {
        await PrepareAsync(cancellation);
        await Parallel.ForEachAsync(cache.Layers, new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellation }, async (layer, stop) =>
        {
            if (await HasAsync(layer.Digest, stop)) return;
            using var sending = begin($"writing layer {layer.Digest}");
            await WriteBlobAsync(layer, builds.BlobPath(layer.Digest), stop);
        });
        await WriteDocumentAsync(await File.ReadAllBytesAsync(builds.BlobPath(cache.Document.Digest), cancellation), cancellation);
    }

    public abstract void Dispose();
}
