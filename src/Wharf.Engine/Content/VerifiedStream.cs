using System.Security.Cryptography;
using Wharf.Specs.Image;

namespace Wharf.Engine.Content;

/// <summary>Passes bytes through and throws at the end if they are not those the digest and size promise.</summary>
internal sealed class VerifiedStream(Stream inner, Digest digest, long size) : ReadOnlyStream
{
    private readonly IncrementalHash _hash = ContentStore.NewHash(digest);
    private long _read;
    private bool _checked;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        Account(buffer.Span[..count], buffer.Length);
        return count;
    }

    public override int Read(Span<byte> buffer)
    {
        int count = inner.Read(buffer);
        Account(buffer[..count], buffer.Length);
        return count;
    }

    private void Account(ReadOnlySpan<byte> data, int asked)
    {
        _hash.AppendData(data);
        _read += data.Length;
        if (_read > size) throw new InvalidDataException($"content {digest} is longer than {size} bytes");
        if (data.Length > 0 && _read < size || asked == 0 || _checked) return;
        _checked = true;
        if (_read != size) throw new InvalidDataException($"content {digest} ends after {_read} of {size} bytes");
        var found = ContentStore.Finish(_hash, digest);
        if (found != digest) throw new InvalidDataException($"content {digest} is damaged: its bytes have {found}");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            inner.Dispose();
        }
        base.Dispose(disposing);
    }
}
