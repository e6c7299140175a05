using System.Runtime.CompilerServices;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Storage;

namespace Wharf.Daemon.Registry.Azure;

/// <summary>Objects as blobs of a container in Azure.</summary>
internal sealed class AzureObjectStore(AzureClient client, StorageConfig config) : BucketStore(client, config)
{
    public static async Task<AzureObjectStore> OpenAsync(StorageConfig config, CancellationToken cancellation)
    {
        var client = new AzureClient(config);
        await client.CreateContainerAsync(cancellation);
        return new AzureObjectStore(client, config);
    }

    /// <summary>The service lists in the order of names, but not from a name on: what comes before is passed over.</summary>
    protected override async IAsyncEnumerable<ObjectInfo> PagesAsync(string listPrefix, string? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? marker = null;
        do
        {
            var (objects, next) = await client.ListAsync(Prefix + listPrefix, marker, cancellation);
            foreach (var found in objects)
                if (after is null || string.CompareOrdinal(found.Key, Prefix.Length, after, 0, int.MaxValue) > 0) yield return found with { Key = found.Key[Prefix.Length..] };
            marker = next;
        } while (marker is not null);
    }
}
