using Microsoft.Win32.SafeHandles;

namespace Wharf.Engine.Content;

/// <summary>One piece of a blob, in a file of its own. One fetches it, one reads along.</summary>
internal sealed class BlobPart : IDisposable
{
    private readonly SafeFileHandle? _file;
    private readonly Lock _lock = new();
    private readonly long _until;
    private TaskCompletionSource _grown = New();
    private long _length;
    private bool _isOpen;

    /// <summary>A piece that is to be fetched.</summary>
    public BlobPart(string path, long from, long until)
    {
        (Path, From, _until, _isOpen) = (path, from, until, true);
        _file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous);
    }

    private BlobPart(string path, long from) => (Path, From) = (path, from);

    /// <summary>What came of a piece before the daemon was started.</summary>
    public static BlobPart Found(string path, long from, long length) => new(path, from) { _length = length };

    public string Path { get; }
    /// <summary>Where in the blob it begins.</summary>
    public long From { get; }
    /// <summary>Bytes that are here.</summary>
    public long Length { get { lock (_lock) return _length; } }
    /// <summary>Whether somebody fetches it.</summary>
    public bool IsOpen { get { lock (_lock) return _isOpen; } }
    /// <summary>Where in the blob it ends: of one that is open, will end.</summary>
    public long End { get { lock (_lock) return _isOpen ? _until : From + _length; } }

    public async Task AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (From + _length + data.Length > _until) throw new IOException($"asked for bytes up to {_until}, got more");
        await RandomAccess.WriteAsync(_file!, data, _length, cancellation);
        Change(() => _length += data.Length);
    }

    /// <summary>Waits for bytes beyond so many; gives how many are here, which are no more when no more will come.</summary>
    public async ValueTask<long> WaitAsync(long length, CancellationToken cancellation)
    {
        while (true)
        {
            Task grown;
            lock (_lock)
            {
                if (_length > length || !_isOpen) return _length;
                grown = _grown.Task;
            }
            await grown.WaitAsync(cancellation);
        }
    }

    private void Change(Action change)
    {
        TaskCompletionSource grown;
        lock (_lock)
        {
            change();
            (grown, _grown) = (_grown, New());
        }
        grown.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Nobody fetches it any more: what came is all there is of it.</summary>
    public void Dispose()
    {
        Change(() => _isOpen = false);
        _file?.Dispose();
    }
}
