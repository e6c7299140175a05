using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using Wharf.Engine.Content;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images.Registry;

/// <summary>
/// Other connections that fetch pieces of a big blob ahead of the one that brings it in order, where a single one is slow. Each takes a slot that no layer waits for, and gives it back
/// after each piece. That one of them fails is no reason to fail: what it leaves the ordered one fetches.
/// </summary>
internal sealed class PartFetchers(RegistryConnection connection, Uri url, string scope, BlobParts parts, TransferSlots slots, int attempts, ILogger log, CancellationToken cancellation) : IAsyncDisposable
{
    /// <summary>Bytes of a piece: a second or so of a line that is worth it.</summary>
    private const long PartSize = 8L << 20;
    /// <summary>Bytes before the ordered connection that are left to it.</summary>
    private const long Lead = 1L << 20;
    /// <summary>Connections for one blob beside the ordered one.</summary>
    private const int Most = 7;

    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    private readonly List<Task> _running = [];
    private Task _inPlace = Task.CompletedTask;
    private volatile bool _isUseless;

    /// <summary>Begins with as many as there are slots for, with pieces from an offset on.</summary>
    public void Start(long from)
    {
        _running.RemoveAll(static task => task.IsCompleted);
        while (!_isUseless && _running.Count < Most && slots.TryTake()) _running.Add(RunAsync(from, hasSlot: true));
    }

    /// <summary>As <see cref="Start"/>, and one more in the place of the ordered connection, which has nothing to fetch at the moment.</summary>
    public void StartInPlace(long from)
    {
        if (_inPlace.IsCompleted && !_isUseless) _inPlace = RunAsync(from, hasSlot: false);
        Start(from);
    }

    private async Task RunAsync(long from, bool hasSlot)
    {
        try
        {
            bool goesOn = true;
            while (goesOn && !_isUseless && parts.Claim(from, PartSize, Lead) is { } part)
            {
                using (part) goesOn = await FetchAsync(part);
                if (!hasSlot) continue;
                slots.Release();
                hasSlot = slots.TryTake();
                goesOn &= hasSlot;
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested) { /* the blob is here, or its pull is over */ }
        catch (Exception error) when (error is WharfException or IOException or HttpRequestException) { Log.PartFailed(log, url, error.Message); }
        finally { if (hasSlot) slots.Release(); }
    }

    /// <summary>False when it is not worth going on.</summary>
    private async Task<bool> FetchAsync(BlobPart part)
    {
        for (int attempt = 1; ; attempt++)
        {
            long before = part.Length;
            try
            {
                await FetchRestAsync(part);
                return !_isUseless;
            }
            catch (Exception error) when (error is HttpRequestException or IOException && attempt < attempts && !_stop.IsCancellationRequested)
            {
                if (part.Length > before) attempt = 0;
                await Task.Delay(RegistryConnection.Backoff(attempt), _stop.Token);
            }
        }
    }

    private async Task FetchRestAsync(BlobPart part)
    {
        long from = part.From + part.Length, until = part.End;
        if (from == until) return;
        using var response = await connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(from, until - 1) } }, scope, _stop.Token);
        if (response.StatusCode != HttpStatusCode.PartialContent)
        {
            // It knows no ranges, or has had enough of us.
            _isUseless = true;
            return;
        }
        await BlobStream.CopyAsync(response, from, 0, async (bytes, stop) =>
        {
            await part.AppendAsync(bytes, stop);
            return true;
        }, _stop.Token);
        if (part.From + part.Length < until) throw new IOException($"the connection was closed before {until}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll([.. _running, _inPlace]);
        _stop.Dispose();
    }
}

/// <summary>Reading the answer to a request for a blob.</summary>
internal static class BlobStream
{
    /// <summary>Passes on what comes, but for the first <paramref name="skip"/> bytes, until the end or until the receiver has enough.</summary>
    public static async Task CopyAsync(HttpResponseMessage response, long from, long skip, Func<ReadOnlyMemory<byte>, CancellationToken, Task<bool>> receive, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentRange is { From: { } start } && start != from) throw new IOException($"asked for bytes from {from}, got them from {start}");
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            int count;
            while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
            {
                int skipped = (int)Math.Min(skip, count);
                skip -= skipped;
                if (!await receive(buffer.AsMemory(skipped, count - skipped), cancellation)) return;
            }
        }
        finally { System.Buffers.ArrayPool<byte>.Shared.Return(buffer); }
    }
}
