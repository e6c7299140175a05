namespace Wharf.Engine.Archive;

public sealed partial class TarReader
{
    private TarEntry? _entry;
    private long _remaining;
    private int _padding, _piece;
    private long _pieceDone, _logical;

    /// <summary>Where in the file the piece that <see cref="ReadDataAsync"/> gave last belongs.</summary>
    public long DataOffset { get; private set; }

    /// <summary>
    /// The next piece of the current file's data, valid until the next call; empty at its end. Holes of a sparse file are left out:
    /// <see cref="DataOffset"/> tells where a piece goes.
    /// </summary>
    public ValueTask<ReadOnlyMemory<byte>> ReadDataAsync(CancellationToken cancellation)
    {
        if (_remaining == 0) return ValueTask.FromResult(ReadOnlyMemory<byte>.Empty);
        return _buffer.Available > 0 ? ValueTask.FromResult(TakeData()) : ReadMoreAsync(cancellation);
    }

    /// <summary>The current file's data as a stream, holes filled with zeros. Ends with the member; not usable after <see cref="ReadNextAsync"/>.</summary>
    public Stream OpenData() => new TarDataStream(this, _entry?.Size ?? 0);

    private async ValueTask<ReadOnlyMemory<byte>> ReadMoreAsync(CancellationToken cancellation)
    {
        if (!await _buffer.FillAsync(1, cancellation).ConfigureAwait(false)) throw UnexpectedEnd();
        return TakeData();
    }

    private ReadOnlyMemory<byte> TakeData()
    {
        long count = Math.Min(_buffer.Available, _remaining);
        if (_entry?.Sparse is { } map)
        {
            var piece = map[_piece];
            count = Math.Min(count, piece.Length - _pieceDone);
            DataOffset = piece.Offset + _pieceDone;
            if ((_pieceDone += count) == piece.Length) (_piece, _pieceDone) = (_piece + 1, 0);
        }
        else
        {
            DataOffset = _logical;
            _logical += count;
        }
        var data = _buffer.Pending[..(int)count];
        _buffer.Advance((int)count);
        _remaining -= count;
        return data;
    }

    private async ValueTask SkipDataAsync(CancellationToken cancellation)
    {
        while (_remaining > 0)
        {
            if (!await _buffer.FillAsync(1, cancellation).ConfigureAwait(false)) throw UnexpectedEnd();
            int count = (int)Math.Min(_buffer.Available, _remaining);
            Take(count);
            _remaining -= count;
        }
        int padding = _padding;
        _padding = 0;
        if (await _buffer.FillAsync(padding, cancellation).ConfigureAwait(false))
        {
            Take(padding);
            return;
        }
        // Some writers end with the last file's last byte: docker's own, with a Dockerfile from outside of the context.
        Take(_buffer.Available);
        _ended = true;
    }

    /// <summary>Puts header, extensions and sparse map together, and sets up the reading of the data.</summary>
    private async ValueTask<TarEntry> FinishAsync(TarEntry entry, PaxRecords? pax, long stored, CancellationToken cancellation)
    {
        bool oldSparse = entry.Type == TarType.GnuSparse;
        if (pax is not null) Merge(entry, pax, ref stored);
        if (oldSparse) stored = await ReadOldSparseAsync(entry, stored, cancellation).ConfigureAwait(false);
        else Take(TarHeader.BlockSize);
        CheckName(entry.Name, entry);
        CheckName(entry.LinkName, entry);
        Normalise(entry, ref stored);
        _padding = (int)(TarHeader.Padded(stored) - stored);
        if (pax?.Sparse is { } sparse && entry.IsFile && !oldSparse) stored = await ApplyPaxSparseAsync(entry, sparse, stored, cancellation).ConfigureAwait(false);
        if (entry.Size > _limits.MaxLayerBytes) throw TooLarge();
        (_entry, _remaining, _piece, _pieceDone, _logical) = (entry, stored, 0, 0, 0);
        return entry;
    }

    private static void Merge(TarEntry entry, PaxRecords pax, ref long stored)
    {
        entry.Name = pax.Path ?? entry.Name;
        entry.LinkName = pax.LinkPath ?? entry.LinkName;
        entry.Uid = pax.Uid ?? entry.Uid;
        entry.Gid = pax.Gid ?? entry.Gid;
        entry.Xattrs = pax.Xattrs;
        if (pax.Modified is { } modified) (entry.ModifiedSeconds, entry.ModifiedNanoseconds) = modified;
        if (pax.Size is { } size) entry.Size = stored = size;
    }

    private static void Normalise(TarEntry entry, ref long stored)
    {
        switch (entry.Type)
        {
            case TarType.OldFile:
                entry.Type = entry.Name.AsSpan().EndsWith("/"u8) ? TarType.Directory : TarType.File;
                break;
            case TarType.Contiguous or TarType.GnuSparse:
                entry.Type = TarType.File;
                break;
        }
        // These carry no data whatever their size field says: the reading that Go's and GNU's tar share.
        if (entry.Type is >= TarType.HardLink and <= TarType.Fifo) entry.Size = stored = 0;
    }

    private void CheckName(byte[] name, TarEntry entry)
    {
        if (name.Length > _limits.MaxTarNameLength) throw TarHeader.Broken($"name of {name.Length} bytes: {entry.NameText[..64]}…");
    }

    private async ValueTask<long> ReadOldSparseAsync(TarEntry entry, long stored, CancellationToken cancellation)
    {
        var map = new List<SparsePiece>();
        bool more = TarSparse.ParseOldHeader(_buffer.Pending.Span[..TarHeader.BlockSize], map, out long realSize);
        Take(TarHeader.BlockSize);
        while (more)
        {
            if (!await _buffer.FillAsync(TarHeader.BlockSize, cancellation).ConfigureAwait(false)) throw UnexpectedEnd();
            more = TarSparse.ParseOldExtension(_buffer.Pending.Span[..TarHeader.BlockSize], map);
            if (map.Count > _limits.MaxSparsePieces) throw TarHeader.Broken("sparse map too long");
            Take(TarHeader.BlockSize);
        }
        entry.Sparse = TarSparse.Validate(map, realSize, stored);
        entry.Size = realSize;
        return stored;
    }

    private async ValueTask<long> ApplyPaxSparseAsync(TarEntry entry, PaxSparse sparse, long stored, CancellationToken cancellation)
    {
        if (sparse.Unsupported) throw TarHeader.Broken("unknown sparse format");
        if (sparse.Name is { } name)
        {
            entry.Name = name;
            CheckName(name, entry);
        }
        var map = sparse.Map;
        if (sparse.MapInData)
        {
            (map, long taken) = await ReadMapAsync(stored, cancellation).ConfigureAwait(false);
            stored -= taken;
        }
        if (map is null) return stored;
        entry.Size = sparse.RealSize ?? throw TarHeader.Broken("sparse file without its size");
        entry.Sparse = TarSparse.Validate(map, entry.Size, stored);
        return stored;
    }

    /// <summary>Format 1.0: count, then offset and length of each piece, one number a line, padded to a block.</summary>
    private async ValueTask<(List<SparsePiece> Map, long Taken)> ReadMapAsync(long stored, CancellationToken cancellation)
    {
        long taken = 0;
        async ValueTask<long> NumberAsync()
        {
            long number;
            int consumed;
            int want = 1;
            while (true)
            {
                if (taken + want > stored) throw TarHeader.Broken("malformed sparse map");
                if (!await _buffer.FillAsync(want, cancellation).ConfigureAwait(false)) throw UnexpectedEnd();
                if (TarSparse.TryParseLine(_buffer.Pending.Span, out number, out consumed)) break;
                want = _buffer.Available + 1;
            }
            Take(consumed);
            taken += consumed;
            return number;
        }

        long count = await NumberAsync().ConfigureAwait(false);
        if (count > _limits.MaxSparsePieces) throw TarHeader.Broken("sparse map too long");
        var map = new List<SparsePiece>();
        for (long i = 0; i < count; i++)
            map.Add(new SparsePiece(await NumberAsync().ConfigureAwait(false), await NumberAsync().ConfigureAwait(false)));
        int padding = (int)(TarHeader.Padded(taken) - taken);
        if (taken + padding > stored) throw TarHeader.Broken("malformed sparse map");
        await TakePaddingAsync(padding, cancellation).ConfigureAwait(false);
        return (map, taken + padding);
    }
}
