using System.Runtime.CompilerServices;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;

namespace Wharf.Daemon.Registry.S3;

/// <summary>Objects in a bucket of an S3-compatible store.</summary>
internal sealed class S3ObjectStore(S3Client client, StorageConfig config) : BucketStore(client, config)
{
    /// <summary>The largest object that S3 copies by one request.</summary>
    private const long MaxCopy = 5L << 30;

    public static S3ObjectStore Open(StorageConfig config) => new(new S3Client(config), config);

    public override async Task<bool> TryCopyAsync(string from, string to, long size, CancellationToken cancellation) => size <= MaxCopy && await base.TryCopyAsync(from, to, size, cancellation);

    protected override async IAsyncEnumerable<ObjectInfo> PagesAsync(string listPrefix, string? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? token = null;
        do
        {
            var (objects, next) = await client.ListAsync(Prefix + listPrefix, token, after is null ? null : Prefix + after, cancellation);
            foreach (var found in objects) yield return found with { Key = found.Key[Prefix.Length..] };
            token = next;
        } while (token is not null);
    }
}
