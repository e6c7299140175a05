using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>Gets bytes of the archive that are not handed out as file data.</summary>
internal delegate void TarBytes(ReadOnlySpan<byte> bytes);

/// <summary>
/// Reads a tar of any common dialect (v7, ustar, PAX, GNU, star's prefix) from a stream that need not seek. Meant for hostile input:
/// every length is bounded before anything is allocated. PAX global headers are passed over, as dockerd does, so that an archive
/// means the same tree here and there.
/// </summary>
public sealed partial class TarReader
{
    private readonly TarBuffer _buffer;
    private readonly Limits _limits;
    private readonly TarBytes? _raw;
    private long _entries;
    private bool _ended;

    public TarReader(Stream source, Limits limits) : this(source, limits, null) { }

    /// <summary><paramref name="raw"/> sees, in order, every byte that <see cref="ReadDataAsync"/> does not give out.</summary>
    internal TarReader(Stream source, Limits limits, TarBytes? raw) => (_buffer, _limits, _raw) = (new TarBuffer(source), limits, raw);

    /// <summary>The next member; null at the end. Passes over what is left of the one before. InvalidArgument when the archive is broken.</summary>
    public async ValueTask<TarEntry?> ReadNextAsync(CancellationToken cancellation)
    {
        await SkipDataAsync(cancellation).ConfigureAwait(false);
        PaxRecords? pax = null;
        byte[]? longName = null, longLink = null;
        while (true)
        {
            if (!await NextBlockAsync(cancellation).ConfigureAwait(false))
                return pax is null && longName is null && longLink is null ? null : throw UnexpectedEnd();
            if (++_entries > _limits.MaxLayerEntries) throw TarHeader.Broken($"more than {_limits.MaxLayerEntries} entries");
            var entry = TarHeader.Parse(_buffer.Pending.Span[..TarHeader.BlockSize], out long stored);
            switch (entry.Type)
            {
                case TarType.PaxHeader:
                    Take(TarHeader.BlockSize);
                    pax = PaxRecords.Parse(await ReadExtensionAsync(stored, cancellation).ConfigureAwait(false), _limits.MaxSparsePieces);
                    break;
                case TarType.GnuLongName:
                    Take(TarHeader.BlockSize);
                    longName = TarHeader.Text(await ReadExtensionAsync(stored, cancellation).ConfigureAwait(false)).ToArray();
                    break;
                case TarType.GnuLongLink:
                    Take(TarHeader.BlockSize);
                    longLink = TarHeader.Text(await ReadExtensionAsync(stored, cancellation).ConfigureAwait(false)).ToArray();
                    break;
                case TarType.PaxGlobal:
                    Take(TarHeader.BlockSize);
                    await ReadExtensionAsync(stored, cancellation).ConfigureAwait(false);
                    break;
                default:
                    entry.Name = longName ?? entry.Name;
                    entry.LinkName = longLink ?? entry.LinkName;
                    return await FinishAsync(entry, pax, stored, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Reads what follows the end mark up to the stream's end, so that a digest over the stream covers all of it.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellation)
    {
        await SkipDataAsync(cancellation).ConfigureAwait(false);
        while (await _buffer.FillAsync(1, cancellation).ConfigureAwait(false))
        {
            if (_buffer.Position > _limits.MaxLayerBytes) throw TooLarge();
            Take(_buffer.Available);
        }
    }

    /// <summary>Makes the next header block the buffer's first bytes; false at the end mark or a clean end of the stream.</summary>
    private async ValueTask<bool> NextBlockAsync(CancellationToken cancellation)
    {
        if (_ended) return false;
        if (!await _buffer.FillAsync(TarHeader.BlockSize, cancellation).ConfigureAwait(false))
        {
            if (_buffer.Available > 0) throw UnexpectedEnd();
            // Some writers leave the end mark out.
            return !(_ended = true);
        }
        if (!TarHeader.IsZero(_buffer.Pending.Span[..TarHeader.BlockSize])) return true;
        Take(TarHeader.BlockSize);
        _ended = true;
        // Two zero blocks end an archive; one is taken as the end only with nothing behind it.
        if (await _buffer.FillAsync(TarHeader.BlockSize, cancellation).ConfigureAwait(false) && !TarHeader.IsZero(_buffer.Pending.Span[..TarHeader.BlockSize]))
            throw TarHeader.Broken("data after an empty block");
        return false;
    }

    private async ValueTask<byte[]> ReadExtensionAsync(long size, CancellationToken cancellation)
    {
        if (size > _limits.MaxTarExtension) throw TarHeader.Broken($"extension header of {size} bytes");
        var data = new byte[size];
        for (int done = 0; done < data.Length;)
        {
            if (!await _buffer.FillAsync(1, cancellation).ConfigureAwait(false)) throw UnexpectedEnd();
            int count = Math.Min(_buffer.Available, data.Length - done);
            _buffer.Pending.Span[..count].CopyTo(data.AsSpan(done));
            Take(count);
            done += count;
        }
        await TakePaddingAsync((int)(TarHeader.Padded(size) - size), cancellation).ConfigureAwait(false);
        return data;
    }

    private async ValueTask TakePaddingAsync(int padding, CancellationToken cancellation)
    {
        if (padding == 0) return;
        if (!await _buffer.FillAsync(padding, cancellation).ConfigureAwait(false)) throw UnexpectedEnd();
        Take(padding);
    }

    private void Take(int count)
    {
        _raw?.Invoke(_buffer.Pending.Span[..count]);
        _buffer.Advance(count);
    }

    private WharfException TooLarge() => TarHeader.Broken($"larger than {_limits.MaxLayerBytes} bytes");

    private static WharfException UnexpectedEnd() => WharfException.Invalid("unexpected EOF");
}
