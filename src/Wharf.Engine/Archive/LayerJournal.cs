using System.Globalization;
using System.Text;
using Wharf.Engine.Snapshots.Objects;
using Wharf.Linux.Fds;
using ZstdSharp;

namespace Wharf.Engine.Archive;

/// <summary>
/// What it takes to write a layer's tar again, byte for byte, without keeping it: all bytes that are not file data, and for the
/// data where in the unpacked tree it now lies. A zstd stream of records: <c>1 length bytes</c> and
/// <c>2 length path inode pieces (offset length)*</c>, numbers as LEB128.
/// </summary>
internal sealed class LayerJournal : IDisposable
{
    public const byte Raw = 1, Data = 2;
    private const int Level = 1;

    private readonly FileStream _file;
    private readonly BinaryWriter _writer;
    private readonly byte[] _pending = new byte[64 << 10];
    private int _used;

    public LayerJournal(string path)
    {
        _file = new FileStream(path, System.IO.FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
        _writer = new BinaryWriter(new BufferedStream(new CompressionStream(_file, Level), 64 << 10));
    }

    /// <summary>Bytes of the archive that stand for themselves.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_used == _pending.Length) FlushPending();
            int count = Math.Min(bytes.Length, _pending.Length - _used);
            bytes[..count].CopyTo(_pending.AsSpan(_used));
            _used += count;
            bytes = bytes[count..];
        }
    }

    /// <summary>A file's data, found at <paramref name="parent"/>/<paramref name="name"/> or, once replaced, kept under its inode's number.</summary>
    public void File(ReadOnlySpan<byte> parent, ReadOnlySpan<byte> name, ulong inode, TarEntry entry)
    {
        FlushPending();
        _writer.Write(Data);
        int length = parent.IsEmpty ? name.Length : parent.Length + 1 + name.Length;
        _writer.Write7BitEncodedInt(length);
        _writer.Write(parent);
        if (!parent.IsEmpty) _writer.Write((byte)'/');
        _writer.Write(name);
        _writer.Write7BitEncodedInt64((long)inode);
        var pieces = entry.Sparse ?? [new SparsePiece(0, entry.Size)];
        _writer.Write7BitEncodedInt(pieces.Count);
        foreach (var piece in pieces)
        {
            _writer.Write7BitEncodedInt64(piece.Offset);
            _writer.Write7BitEncodedInt64(piece.Length);
        }
    }

    private void FlushPending()
    {
        if (_used == 0) return;
        _writer.Write(Raw);
        _writer.Write7BitEncodedInt(_used);
        _writer.Write(_pending, 0, _used);
        _used = 0;
    }

    /// <summary>Writes out what is left. Without it the journal is cut short and cannot be read.</summary>
    public void Complete()
    {
        FlushPending();
        _writer.Dispose();
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Writes the tar that a <see cref="LayerJournal"/> tells of.</summary>
internal sealed class LayerJournalPlayer(string journal, Fd tree, Fd? kept)
{
    private readonly HashSet<ulong> _keptFiles = kept is null ? [] : [.. DirectoryEntries.Read(kept.Value).Select(name => ulong.Parse(name, CultureInfo.InvariantCulture))];
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(128 << 10);

    /// <summary>Where files have their contents that the tree has only the names of.</summary>
    public ObjectStore? Objects { get; init; }

    /// <summary>Whether sparse files are looked into where their layer has no data, too.</summary>
    public bool ProvesHoles { get; init; }

    public async Task WriteAsync(Stream output, CancellationToken cancellation)
    {
        await using var file = new FileStream(journal, System.IO.FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        using var reader = new BinaryReader(new BufferedStream(new DecompressionStream(file), 64 << 10));
        while (true)
        {
            int tag = reader.BaseStream.ReadByte();
            if (tag < 0) break;
            if (tag == LayerJournal.Raw)
            {
                int length = reader.Read7BitEncodedInt();
                reader.BaseStream.ReadExactly(_buffer, 0, length);
                await output.WriteAsync(_buffer.AsMemory(0, length), cancellation).ConfigureAwait(false);
            }
            else if (tag == LayerJournal.Data) await WriteDataAsync(reader, output, cancellation).ConfigureAwait(false);
            else throw new InvalidDataException($"{journal}: unknown record {tag}");
        }
        await output.FlushAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>How many bytes <see cref="WriteAsync"/> gives, told by the journal alone.</summary>
    public long Measure(CancellationToken cancellation)
    {
        using var file = new FileStream(journal, System.IO.FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        using var reader = new BinaryReader(new BufferedStream(new DecompressionStream(file), 64 << 10));
        long size = 0;
        for (int tag; (tag = reader.BaseStream.ReadByte()) >= 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            if (tag == LayerJournal.Raw)
            {
                int length = reader.Read7BitEncodedInt();
                reader.BaseStream.ReadExactly(_buffer, 0, length);
                size += length;
                continue;
            }
            if (tag != LayerJournal.Data) throw new InvalidDataException($"{journal}: unknown record {tag}");
            reader.BaseStream.ReadExactly(_buffer, 0, reader.Read7BitEncodedInt());
            reader.Read7BitEncodedInt64();
            for (int pieces = reader.Read7BitEncodedInt(); pieces > 0; pieces--)
            {
                reader.Read7BitEncodedInt64();
                size += reader.Read7BitEncodedInt64();
            }
        }
        return size;
    }

    private async Task WriteDataAsync(BinaryReader reader, Stream output, CancellationToken cancellation)
    {
        var path = reader.ReadBytes(reader.Read7BitEncodedInt());
        ulong inode = (ulong)reader.Read7BitEncodedInt64();
        using var file = Open(path, inode);
        long known = 0;
        for (int pieces = reader.Read7BitEncodedInt(); pieces > 0; pieces--)
        {
            long offset = reader.Read7BitEncodedInt64(), end = offset + reader.Read7BitEncodedInt64();
            if (ProvesHoles) ProveHole(file, path, known, offset);
            known = Math.Max(known, end);
            while (offset < end)
            {
                int count = FileAt.ReadAt(file.Value, _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, end - offset)), offset);
                if (count == 0) throw new InvalidDataException($"the unpacked file {Encoding.UTF8.GetString(path)} is shorter than it was");
                await output.WriteAsync(_buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
                offset += count;
            }
        }
        if (ProvesHoles) ProveHole(file, path, known, FileStat.Of(file).Size);
    }

    private void ProveHole(Fd file, byte[] path, long start, long end)
    {
        while (start < end && FileAt.NextData(file.Value, start) is var at && at >= 0 && at < end)
        {
            int count = FileAt.ReadAt(file.Value, _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, end - at)), at);
            if (count == 0) return;
            if (_buffer.AsSpan(0, count).ContainsAnyExcept((byte)0)) throw new InvalidDataException($"the unpacked file {Encoding.UTF8.GetString(path)} has data where its layer has none");
            start = at + count;
        }
    }

    private Fd Open(byte[] path, ulong inode)
    {
        if (kept is not null && _keptFiles.Contains(inode))
        {
            var name = Encoding.ASCII.GetBytes(inode.ToString(CultureInfo.InvariantCulture));
            return new Fd(FileAt.Check(FileAt.Open(kept.Value, name, O.RDONLY | O.NOFOLLOW), "open", name));
        }
        var file = new Fd(FileAt.Check(FileAt.OpenInRoot(tree.Value, path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK, Resolve.NoSymlinks), "openat2", path));
        return Objects?.Follow(file) ?? file;
    }
}
