using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>
/// Of the processes over a shared store one collects at a time: an object says which, and until when. That keeps them from doing the same work twice; what makes a collection
/// safe is the time of grace, so the moment in which two could take the lease does no harm.
/// </summary>
internal sealed class CollectionLease : IAsyncDisposable
{
    private const string Key = "lease/collection";
    private const long MaxSize = 4096;
    private static readonly TimeSpan Length = TimeSpan.FromMinutes(10), Renewal = TimeSpan.FromMinutes(3), Settle = TimeSpan.FromSeconds(1);

    private readonly IObjectStore _store;
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly CancellationTokenSource _stop = new();
    private Task _renewing = Task.CompletedTask;

    private CollectionLease(IObjectStore store) => _store = store;

    /// <summary>Takes the lease; null when another process has it.</summary>
    public static async Task<CollectionLease?> TryTakeAsync(IObjectStore store, CancellationToken cancellation)
    {
        if (await ReadAsync(store, cancellation) is { } present && present.Until > DateTimeOffset.UtcNow) return null;
        var lease = new CollectionLease(store);
        await lease.WriteAsync(cancellation);
        // Whoever wrote at the same time has written by now: the last one has it.
        await Task.Delay(Settle, cancellation);
        if ((await ReadAsync(store, cancellation))?.By != lease._id) return null;
        lease._renewing = lease.RenewAsync();
        return lease;
    }

    private static async Task<LeaseRecord?> ReadAsync(IObjectStore store, CancellationToken cancellation)
    {
        try { return await store.ReadAsync(Key, MaxSize, cancellation) is { Length: > 0 } bytes ? JsonSerializer.Deserialize(bytes, LeaseJson.Default.LeaseRecord) : null; }
        catch (JsonException) { return null; } // nobody's
    }

    private Task WriteAsync(CancellationToken cancellation) =>
        _store.ApplyAsync([ObjectChange.Write(Key, JsonSerializer.SerializeToUtf8Bytes(new LeaseRecord { By = _id, Until = DateTimeOffset.UtcNow + Length }, LeaseJson.Default.LeaseRecord))], cancellation);

    private async Task RenewAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Renewal, _stop.Token);
                await WriteAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException) { /* done */ }
        catch (Specs.Errors.WharfException) { /* the store is gone, and the collection will find that out */ }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _renewing;
        if ((await ReadAsync(_store, CancellationToken.None))?.By == _id) await _store.DeleteAsync(Key, CancellationToken.None);
        _stop.Dispose();
    }
}

internal sealed record LeaseRecord
{
    [JsonPropertyName("by")] public required string By { get; set; }
    [JsonPropertyName("until")] public DateTimeOffset Until { get; set; }
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(LeaseRecord))]
internal sealed partial class LeaseJson : JsonSerializerContext;
