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

    internal BlobIngest(ContentStore store, FileStream file, IncrementalHash hash, Digest digest, long size) => (_store, _file, _hash, _digest, _size) = (store, file, hash, digest, size);

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
                Offset += count;
            }
        }
        finally { ArrayPool<byte>.Shared.Return(buffer); }
    }

    public async Task AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (Offset + data.Length > _size) throw WharfException.Invalid($"content {_digest} is larger than the {_size} bytes its descriptor says");
        await _file.WriteAsync(data, cancellation);
        _hash.AppendData(data.Span);
        Offset += data.Length;
    }

    /// <summary>Makes the blob part of the store. A wrong size or digest is InvalidArgument and removes what was received.</summary>
    public void Commit()
    {
        if (Offset < _size) throw WharfException.Invalid($"content {_digest} ended after {Offset} of {_size} bytes");
        var digest = ContentStore.Finish(_hash, _digest);
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
