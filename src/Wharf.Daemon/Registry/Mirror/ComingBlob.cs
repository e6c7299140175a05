using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;

namespace Wharf.Daemon.Registry.Mirror;

/// <summary>
/// A blob while it is fetched: those who asked for it read from the file as it grows, each at their own pace. The last byte is kept back until
/// the whole is verified, so that nobody takes wrong bytes for a complete answer.
/// </summary>
public sealed class ComingBlob
{
    private readonly TaskCompletionSource<long?> _size = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _path = "";
    private long _received;

    /// <summary>The size the upstream announces, once it answers; null when it does not tell.</summary>
    public Task<long?> Size => _size.Task;
    /// <summary>Ends when the blob is here and verified.</summary>
    public Task<bool> Whole { get; private set; } = Task.FromResult(false);

    /// <summary>Takes the work of fetching. Called once, before anybody else sees this.</summary>
    internal void Begin(Task fetching) => Whole = FinishAsync(fetching);

    private async Task<bool> FinishAsync(Task fetching)
    {
        try
        {
            await fetching;
            return true;
        }
        catch (Exception error)
        {
            // Who waits for the size alone must be told too; nobody may be waiting.
            if (_size.TrySetException(error)) _ = _size.Task.Exception;
            throw;
        }
    }

    internal void Announce(string path, long? size)
    {
        _path = path;
        _size.TrySetResult(size);
    }

    /// <summary>So many bytes are in the file.</summary>
    internal void Move(long received)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _received = received;
            (changed, _change) = (_change, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        changed.SetResult();
    }

    /// <summary>Opens the file; null when it has become the blob already.</summary>
    public SafeFileHandle? TryOpen()
    {
        try { return File.OpenHandle(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete); }
        catch (FileNotFoundException) { return null; }
    }

    /// <summary>Writes a part of it, or all, as it comes; throws what ended the fetching when that fails.</summary>
    public async Task CopyToAsync(SafeFileHandle file, long from, long length, long size, PipeWriter output, Action<int> sent, CancellationToken cancellation)
    {
        const int piece = 256 << 10;
        if (size == 0) await Whole.WaitAsync(cancellation);
        for (long at = from, end = from + length; at < end;)
        {
            long there;
            Task change;
            lock (_lock) (there, change) = (_received, _change.Task);
            if (there >= size)
            {
                if (at == size - 1) await Whole.WaitAsync(cancellation);
                else there = size - 1;
            }
            if (at >= there)
            {
                // A fetch that fails moves no more.
                if (await Task.WhenAny(change, Whole).WaitAsync(cancellation) == Whole) await Whole;
                continue;
            }
            there = Math.Min(there, end);
            var buffer = output.GetMemory((int)Math.Min(there - at, piece));
            if (buffer.Length > there - at) buffer = buffer[..(int)(there - at)];
            int count = await RandomAccess.ReadAsync(file, buffer, at, cancellation);
            if (count == 0) throw new EndOfStreamException("the file of a blob that is being fetched is shorter than it was");
            output.Advance(count);
            sent(count);
            at += count;
            await output.FlushAsync(cancellation);
        }
    }
}
