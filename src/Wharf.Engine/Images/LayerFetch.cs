using Wharf.Engine.Content;
using Wharf.Specs.Image;

namespace Wharf.Engine.Images;

/// <summary>
/// One blob on its way, shared by all pulls that want it. Whoever unpacks it reads along while it comes. It goes on as long as one pull
/// is interested; what has come stays on disk for the next try.
/// </summary>
internal sealed class LayerFetch : IDisposable
{
    private readonly ContentStore _content;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource _grown = New();
    private string? _path;
    private long _received;

    public LayerFetch(ContentStore content, Descriptor blob, Func<LayerFetch, CancellationToken, Task> work)
    {
        (_content, Blob) = (content, blob);
        Done = Task.Run(() => RunAsync(work));
    }

    public Descriptor Blob { get; }

    /// <summary>Ends when the blob is in the store, verified; throws what went wrong.</summary>
    public Task Done { get; }

    /// <summary>Pulls that take part. Guarded by the owner.</summary>
    public int Users { get; set; }

    /// <summary>Told of the bytes that are here.</summary>
    public event Action<long>? Progress;

    private async Task RunAsync(Func<LayerFetch, CancellationToken, Task> work)
    {
        try { await work(this, _stop.Token); }
        finally { Grow(Blob.Size + 1); }
    }

    /// <summary>Called by the one who fetches: where the bytes are written, and how many are there.</summary>
    public void Began(string path, long received)
    {
        _path = path;
        Advance(received);
    }

    public void Advance(long received)
    {
        Grow(received);
        Progress?.Invoke(received);
    }

    private void Grow(long received)
    {
        TaskCompletionSource grown;
        lock (_lock)
        {
            _received = received;
            (grown, _grown) = (_grown, New());
        }
        grown.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Waits for bytes beyond <paramref name="position"/>; gives how many are there, or null when no more will come.</summary>
    private async ValueTask<long?> WaitAsync(long position, CancellationToken cancellation)
    {
        while (true)
        {
            Task grown;
            lock (_lock)
            {
                if (_received > Blob.Size) return null;
                if (_received > position) return _received;
                grown = _grown.Task;
            }
            await grown.WaitAsync(cancellation);
        }
    }

    /// <summary>Reads the blob from its start as it comes; throws at the end what the fetch threw.</summary>
    public async Task<Stream> OpenReadAsync(CancellationToken cancellation)
    {
        if (await WaitAsync(0, cancellation) is null)
        {
            await Done;
            return _content.OpenRead(Blob.Digest);
        }
        try { return new Following(this, new FileStream(_path!, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous })); }
        catch (FileNotFoundException)
        {
            // It has just been committed.
            await Done;
            return _content.OpenRead(Blob.Digest);
        }
    }

    public void Cancel() => _stop.Cancel();

    public void Dispose() => _stop.Dispose();

    private sealed class Following(LayerFetch fetch, FileStream file) : ReadOnlyStream
    {
        private long _position;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (await fetch.WaitAsync(_position, cancellationToken) is not { } received)
            {
                // No success before the digest is known to be right.
                await fetch.Done.WaitAsync(cancellationToken);
                received = fetch.Blob.Size;
            }
            if (_position >= received) return 0;
            int count = await file.ReadAsync(buffer[..(int)Math.Min(buffer.Length, received - _position)], cancellationToken);
            _position += count;
            return count;
        }

        public override int Read(Span<byte> buffer) => throw new NotSupportedException("asynchronous only");

        protected override void Dispose(bool disposing)
        {
            if (disposing) file.Dispose();
            base.Dispose(disposing);
        }
    }
}
