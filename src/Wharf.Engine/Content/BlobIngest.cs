using System.Buffers;
using System.Security.Cryptography;
using Wharf.Specs.Errors;
using Wharf.Specs.Image;

namespace Wharf.Engine.Content;

/// <summary>A blob on its way in: appended to, resumed after a cut or a restart, verified and committed.</summary>
public sealed class BlobIngest : IAsyncDisposable
{
    private readonly ContentStore _store;
    private readonly FileStream _file;
    private readonly IncrementalHash _hash;
    private readonly Digest _digest;
    private readonly long _size;

    internal BlobIngest(ContentStore store, FileStream file, IncrementalHash hash, Digest digest, long size)
    {
        (_store, _file, _hash, _digest, _size) = (store, file, hash, digest, size);
        Parts = new BlobParts(file.Name, size);
    }

    /// <summary>What has come of the blob beyond <see cref="Offset"/>.</summary>
    internal BlobParts Parts { get; }

    /// <summary>How many bytes are there already: the next ones begin here.</summary>
    public long Offset { get; private set; }

    /// <summary>Where they lie, for who reads along while the blob grows.</summary>
    internal string Path => _file.Name;

    internal async Task ReadWhatIsThereAsync(CancellationToken cancellation)
    {
        if (_file.Length > _size) _file.SetLength(0);
        var buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            int count;
            while ((count = await _file.ReadAsync(buffer, cancellation)) > 0)
            {
                _hash.AppendData(buffer, 0, count);
                Parts.Front = Offset += count;
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    public async Task AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (Offset + data.Length > _size) throw WharfException.Invalid($"content {_digest} is larger than the {_size} bytes its descriptor says");
        await _file.WriteAsync(data, cancellation);
        _hash.AppendData(data.Span);
        Parts.Front = Offset += data.Length;
    }

    /// <summary>Takes over what a part has beyond <see cref="Offset"/>, along with the one who fetches it.</summary>
    internal async Task TakeAsync(BlobPart part, Action<long> progress, CancellationToken cancellation)
    {
        using var file = File.OpenHandle(part.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous);
        var buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            for (long at = Offset - part.From, there; (there = await part.WaitAsync(at, cancellation)) > at;)
            {
                int count = await RandomAccess.ReadAsync(file, buffer.AsMemory(0, (int)Math.Min(buffer.Length, there - at)), at, cancellation);
                if (count == 0) throw new IOException($"{part.Path} is shorter than it was");
                await AppendAsync(buffer.AsMemory(0, count), cancellation);
                at += count;
                progress(Offset);
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    /// <summary>Makes the blob part of the store. A wrong size or digest is InvalidArgument and removes what was received.</summary>
    public void Commit()
    {
        if (Offset < _size) throw WharfException.Invalid($"content {_digest} ended after {Offset} of {_size} bytes");
        var digest = ContentStore.Finish(_hash, _digest);
        Parts.Clear();
        if (digest != _digest)
        {
            File.Delete(_file.Name);
            throw WharfException.Invalid($"filesystem layer verification failed for digest {_digest}: the bytes received have {digest}");
        }
        File.Move(_file.Name, _store.PathOf(_digest), overwrite: true);
    }

    public ValueTask DisposeAsync()
    {
        _hash.Dispose();
        return _file.DisposeAsync();
    }
}
