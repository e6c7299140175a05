using System.Globalization;
using System.Text;
using Wharf.Engine.Content;

namespace Wharf.Engine.Archive;

/// <summary>
/// Writes a tar: plain ustar headers where everything fits, PAX records before them where it does not (long or non-ASCII names, large
/// numbers, fractions of seconds, extended attributes). The same entries give the same bytes.
/// </summary>
/// <param name="onEntry">Told of each entry before its first byte is written, when all of the one before is out.</param>
public sealed class TarWriter(Stream output, Action<TarEntry>? onEntry = null)
{
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(64 << 10);
    private int _used;
    private long _remaining;
    private int _padding;

    /// <summary>Starts a member. Of a file, exactly <see cref="TarEntry.Size"/> bytes of data must follow.</summary>
    public async ValueTask WriteEntryAsync(TarEntry entry, CancellationToken cancellation)
    {
        await PadAsync(cancellation).ConfigureAwait(false);
        if (onEntry is not null)
        {
            await FlushAsync(cancellation).ConfigureAwait(false);
            onEntry(entry);
        }
        if (Extensions(entry) is { } records) await WriteExtensionAsync(entry, records, cancellation).ConfigureAwait(false);
        await ReserveAsync(cancellation).ConfigureAwait(false);
        FillHeader(_buffer.AsSpan(_used, TarHeader.BlockSize), entry);
        _used += TarHeader.BlockSize;
        _remaining = entry.IsFile ? entry.Size : 0;
        _padding = (int)(TarHeader.Padded(_remaining) - _remaining);
    }

    /// <summary>A piece of the current file's data.</summary>
    public async ValueTask WriteDataAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (data.Length > _remaining) throw new InvalidOperationException("more data than the entry's size");
        _remaining -= data.Length;
        if (data.Length > _buffer.Length - _used)
        {
            await FlushAsync(cancellation).ConfigureAwait(false);
            if (data.Length >= _buffer.Length)
            {
                await output.WriteAsync(data, cancellation).ConfigureAwait(false);
                return;
            }
        }
        data.Span.CopyTo(_buffer.AsSpan(_used));
        _used += data.Length;
    }

    /// <summary>A file whose content is at hand.</summary>
    public async ValueTask WriteFileAsync(TarEntry entry, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        entry.Size = content.Length;
        await WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
        await WriteDataAsync(content, cancellation).ConfigureAwait(false);
    }

    /// <summary>A file whose content is the next <see cref="TarEntry.Size"/> bytes of a stream.</summary>
    public async ValueTask WriteFileAsync(TarEntry entry, Stream content, CancellationToken cancellation)
    {
        await WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
        await FlushAsync(cancellation).ConfigureAwait(false);
        while (_remaining > 0)
        {
            int count = await content.ReadAsync(_buffer.AsMemory(0, (int)Math.Min(_buffer.Length, _remaining)), cancellation).ConfigureAwait(false);
            if (count == 0) throw new EndOfStreamException($"content of {entry.NameText} is shorter than its size");
            await output.WriteAsync(_buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
            _remaining -= count;
        }
    }

    /// <summary>The current file's data as a stream to write; exactly its size must be written before the next entry.</summary>
    public Stream OpenData() => new DataStream(this);

    private sealed class DataStream(TarWriter tar) : WriteOnlyStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => tar.WriteDataAsync(buffer, cancellationToken);
    }

    /// <summary>Writes the end mark and everything still buffered. The output stays open.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellation)
    {
        await PadAsync(cancellation).ConfigureAwait(false);
        for (int i = 0; i < 2; i++)
        {
            await ReserveAsync(cancellation).ConfigureAwait(false);
            _buffer.AsSpan(_used, TarHeader.BlockSize).Clear();
            _used += TarHeader.BlockSize;
        }
        await FlushAsync(cancellation).ConfigureAwait(false);
        await output.FlushAsync(cancellation).ConfigureAwait(false);
    }

    private async ValueTask PadAsync(CancellationToken cancellation)
    {
        if (_remaining > 0) throw new InvalidOperationException("less data than the entry's size");
        if (_padding == 0) return;
        await ReserveAsync(cancellation).ConfigureAwait(false);
        _buffer.AsSpan(_used, _padding).Clear();
        _used += _padding;
        _padding = 0;
    }

    private ValueTask ReserveAsync(CancellationToken cancellation) =>
        _buffer.Length - _used >= TarHeader.BlockSize ? ValueTask.CompletedTask : FlushAsync(cancellation);

    private async ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (_used == 0) return;
        int used = _used;
        _used = 0;
        await output.WriteAsync(_buffer.AsMemory(0, used), cancellation).ConfigureAwait(false);
    }

    private async ValueTask WriteExtensionAsync(TarEntry entry, List<byte> records, CancellationToken cancellation)
    {
        var header = new TarEntry { Type = TarType.PaxHeader, Name = ExtensionName(entry.Name), Mode = 0, Size = records.Count };
        await ReserveAsync(cancellation).ConfigureAwait(false);
        FillHeader(_buffer.AsSpan(_used, TarHeader.BlockSize), header);
        _used += TarHeader.BlockSize;
        _remaining = records.Count;
        _padding = (int)(TarHeader.Padded(_remaining) - _remaining);
        await WriteDataAsync(records.ToArray(), cancellation).ConfigureAwait(false);
        await PadAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>A name for readers that do not know PAX and would extract the records as a file.</summary>
    private static byte[] ExtensionName(byte[] name)
    {
        var last = name.AsSpan().TrimEnd((byte)'/');
        last = last[(last.LastIndexOf((byte)'/') + 1)..];
        if (last.Length > 80) last = last[..80];
        byte[] result = [.. "PaxHeaders.0/"u8, .. last];
        for (int i = 0; i < result.Length; i++) if (result[i] >= 0x80) result[i] = (byte)'_';
        return result;
    }

    private static List<byte>? Extensions(TarEntry entry)
    {
        List<byte>? records = null;
        void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => PaxRecords.Append(records ??= [], key, value);
        void AddNumber(ReadOnlySpan<byte> key, long value) => Add(key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));

        if (!FitsName(entry.Name)) Add("path"u8, entry.Name);
        if (entry.LinkName.Length > 100 || !Ascii.IsValid(entry.LinkName)) Add("linkpath"u8, entry.LinkName);
        if (entry.Size > 0x1_ffff_ffff && entry.IsFile) AddNumber("size"u8, entry.Size);
        if (entry.Uid > 0x1f_ffff) AddNumber("uid"u8, entry.Uid);
        if (entry.Gid > 0x1f_ffff) AddNumber("gid"u8, entry.Gid);
        if (entry.ModifiedNanoseconds != 0 || entry.ModifiedSeconds is < 0 or > 0x1_ffff_ffff) Add("mtime"u8, Time(entry.ModifiedSeconds, entry.ModifiedNanoseconds));
        foreach (var xattr in entry.Xattrs ?? [])
        {
            // A key ends at the first '=' (POSIX pax), so a name that has one cannot be said and would come back as another.
            if (!xattr.Name.Contains((byte)'=')) Add([.. "SCHILY.xattr."u8, .. xattr.Name], xattr.Value);
        }
        return records;
    }

    private static byte[] Time(long seconds, uint nanoseconds)
    {
        // -1.25 s is stored as -2 s and 0.75 s; written as decimal it is one signed number.
        bool negative = seconds < 0 && nanoseconds > 0;
        if (negative) (seconds, nanoseconds) = (seconds + 1, 1_000_000_000 - nanoseconds);
        string sign = negative && seconds == 0 ? "-" : "";
        string fraction = nanoseconds == 0 ? "" : "." + nanoseconds.ToString("d9", CultureInfo.InvariantCulture).TrimEnd('0');
        return Encoding.ASCII.GetBytes(sign + seconds.ToString(CultureInfo.InvariantCulture) + fraction);
    }

    private static bool FitsName(ReadOnlySpan<byte> name) => Ascii.IsValid(name) && (name.Length <= 100 || SplitAt(name) > 0);

    /// <summary>The slash at which a long name divides into ustar's prefix (155) and name (100); 0 when there is none.</summary>
    private static int SplitAt(ReadOnlySpan<byte> name)
    {
        if (name.Length > 256) return 0;
        int slash = name[..Math.Min(name.Length - 1, 156)].LastIndexOf((byte)'/');
        return slash > 0 && name.Length - slash - 1 <= 100 ? slash : 0;
    }

    private static void FillHeader(Span<byte> block, TarEntry entry)
    {
        block.Clear();
        ReadOnlySpan<byte> name = entry.Name;
        if (name.Length > 100 && FitsName(name))
        {
            int slash = SplitAt(name);
            name[..slash].CopyTo(block[345..]);
            name = name[(slash + 1)..];
        }
        CopyCut(name, block[..100]);
        TarHeader.TryWriteOctal(block.Slice(100, 8), entry.Mode & 0xfff);
        TarHeader.TryWriteOctal(block.Slice(108, 8), entry.Uid);
        TarHeader.TryWriteOctal(block.Slice(116, 8), entry.Gid);
        TarHeader.TryWriteOctal(block.Slice(124, 12), entry.Type is TarType.File or TarType.PaxHeader ? entry.Size : 0);
        TarHeader.TryWriteOctal(block.Slice(136, 12), entry.ModifiedSeconds);
        block[156] = entry.Type;
        CopyCut(entry.LinkName, block.Slice(157, 100));
        "ustar\0"u8.CopyTo(block[257..]);
        "00"u8.CopyTo(block[263..]);
        TarHeader.TryWriteOctal(block.Slice(329, 8), entry.DeviceMajor);
        TarHeader.TryWriteOctal(block.Slice(337, 8), entry.DeviceMinor);
        TarHeader.Seal(block);
    }

    private static void CopyCut(ReadOnlySpan<byte> text, Span<byte> field) => text[..Math.Min(text.Length, field.Length)].CopyTo(field);
}
