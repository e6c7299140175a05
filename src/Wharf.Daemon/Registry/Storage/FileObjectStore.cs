using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Wharf.Linux.Fds;
using FileMode = System.IO.FileMode;

namespace Wharf.Daemon.Registry.Storage;

/// <summary>Objects as files under a directory that this process has for itself.</summary>
public sealed class FileObjectStore : IObjectStore
{
    /// <summary>From this many files on, one flush of the file system is cheaper than one of each.</summary>
    private const int FlushEachUpTo = 16;

    private readonly string _root, _temporary;
    private readonly bool _flush;
    private readonly ChangeJournal _journal;
    private readonly ConcurrentDictionary<string, byte> _unflushed = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _flushing = new(1, 1);
    private long _serial;

    /// <param name="root">A directory; made when it is not there.</param>
    /// <param name="flush">False answers before anything is on the disk: a power cut may then lose what was pushed last, a kill loses nothing.</param>
    public FileObjectStore(string root, bool flush)
    {
        _root = Path.GetFullPath(root);
        _flush = flush;
        _temporary = Path.Combine(_root, "tmp");
        Directory.CreateDirectory(_temporary);
        foreach (var left in Directory.EnumerateFiles(_temporary)) File.Delete(left);
        _journal = new ChangeJournal(_root, flush, Make, Remake);
    }

    public bool IsShared => false;
    public string LocalPath(string key) => Path.Combine(_root, key);

    public Task<ObjectInfo?> StatAsync(string key, CancellationToken cancellation)
    {
        var file = new FileInfo(LocalPath(key));
        return Task.FromResult(file.Exists ? new ObjectInfo(key, file.Length, file.LastWriteTimeUtc) : null);
    }

    public Task<Stream?> OpenReadAsync(string key, long offset, long? length, CancellationToken cancellation)
    {
        try
        {
            var file = new FileStream(LocalPath(key), new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous });
            file.Position = offset;
            return Task.FromResult<Stream?>(length is null ? file : new BoundedStream(file, length.Value));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException) { return Task.FromResult<Stream?>(null); }
    }

    public Task ApplyAsync(IReadOnlyList<ObjectChange> changes, CancellationToken cancellation) => _journal.ApplyAsync(changes);

    public Task TakeFileAsync(string path, string key, CancellationToken cancellation)
    {
        InDirectory(LocalPath(key), target => File.Move(path, target, overwrite: true));
        if (_flush) _unflushed[key] = 0;
        return Task.CompletedTask;
    }

    public Task HintAsync(string key, CancellationToken cancellation)
    {
        InDirectory(LocalPath(key), target => File.OpenHandle(target, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete).Dispose());
        return Task.CompletedTask;
    }

    public async Task FlushAsync(IReadOnlyCollection<string> keys, CancellationToken cancellation)
    {
        if (!_flush || !keys.Any(_unflushed.ContainsKey)) return;
        await _flushing.WaitAsync(cancellation);
        try
        {
            // Whoever held the lock before may have flushed ours too.
            var mine = keys.Where(_unflushed.ContainsKey).ToList();
            if (mine.Count == 0) return;
            await Task.Run(() => Flush(mine), CancellationToken.None);
        }
        finally { _flushing.Release(); }
    }

    private void Flush(List<string> keys)
    {
        if (keys.Count > FlushEachUpTo)
        {
            keys = [.. _unflushed.Keys];
            DiskFlush.FileSystemOf(_root);
        }
        else
        {
            foreach (var key in keys)
                try { DiskFlush.File(LocalPath(key)); }
                catch (IOException) when (!File.Exists(LocalPath(key))) { /* deleted since: nothing to keep */ }
            foreach (var directory in keys.Select(key => Path.GetDirectoryName(LocalPath(key))!).Distinct()) DiskFlush.File(directory);
        }
        foreach (var key in keys) _unflushed.TryRemove(key, out _);
    }

    public Task DeleteAsync(string key, CancellationToken cancellation)
    {
        Remake(ObjectChange.Delete(key));
        _unflushed.TryRemove(key, out _);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.CompletedTask;
        var directory = new DirectoryInfo(LocalPath(prefix));
        if (!directory.Exists) yield break;
        foreach (var file in directory.EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
        {
            cancellation.ThrowIfCancellationRequested();
            yield return new ObjectInfo(Path.GetRelativePath(_root, file.FullName), file.Length, file.LastWriteTimeUtc);
        }
    }

    /// <summary>
    /// One change of a journal entry as a file. What is new is written in its place: nobody is told of it before it is whole, and after a crash the journal
    /// writes it again.
    /// </summary>
    private void Make(ObjectChange change)
    {
        if (change.Data is not { } data || File.Exists(LocalPath(change.Key)))
        {
            Remake(change);
            return;
        }
        InDirectory(LocalPath(change.Key), path =>
        {
            using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
            try { RandomAccess.Write(file, data.Span, 0); }
            catch
            {
                File.Delete(path);
                throw;
            }
        });
    }

    /// <summary>One change as a file, whatever is there: written beside and renamed, or deleted. Idempotent.</summary>
    private void Remake(ObjectChange change)
    {
        var path = LocalPath(change.Key);
        if (change.Data is not { } data)
        {
            try { File.Delete(path); }
            catch (DirectoryNotFoundException) { /* not there is what was wanted */ }
            return;
        }
        var temporary = Path.Combine(_temporary, "c" + Interlocked.Increment(ref _serial));
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write)) RandomAccess.Write(file, data.Span, 0);
        InDirectory(path, target => File.Move(temporary, target, overwrite: true));
    }

    /// <summary>
    /// Does it, and once more after making the directory when that is not there yet. A directory that another request makes meanwhile is told of by
    /// .NET as a missing file.
    /// </summary>
    internal static void InDirectory(string path, Action<string> action)
    {
        try { action(path); }
        catch (Exception error) when (error is DirectoryNotFoundException or FileNotFoundException)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            action(path);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _journal.DisposeAsync();
        if (_flush && !_unflushed.IsEmpty) DiskFlush.FileSystemOf(_root);
        _flushing.Dispose();
    }
}

/// <summary>The first bytes of a stream.</summary>
internal sealed class BoundedStream(Stream inner, long length) : Engine.Content.ReadOnlyStream
{
    private long _left = length;

    public override int Read(Span<byte> buffer)
    {
        int count = _left == 0 ? 0 : inner.Read(buffer[..(int)Math.Min(buffer.Length, _left)]);
        _left -= count;
        return count;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = _left == 0 ? 0 : await inner.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], cancellationToken);
        _left -= count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
