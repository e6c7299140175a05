using System.Buffers.Binary;
using System.Text;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>
/// Reads the blobs of one table out of an SQLite file (sqlite.org/fileformat2): strangers made it, so no database engine is let loose on it, and every number is checked.
/// </summary>
internal sealed class SqliteTable
{
    private const int HeaderSize = 100, MaxDepth = 24;
    private const byte Interior = 5, Leaf = 13;

    private readonly byte[] _file;
    private readonly int _pageSize, _usable;
    /// <summary>Pages visited: a file whose pages lead in circles ends.</summary>
    private int _left;

    private SqliteTable(byte[] file)
    {
        if (file.Length < HeaderSize || !file.AsSpan().StartsWith("SQLite format 3\0"u8)) throw new InvalidDataException("no SQLite database");
        int size = BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(16));
        (_file, _pageSize) = (file, size == 1 ? 65536 : size);
        if (_pageSize < 512 || (_pageSize & (_pageSize - 1)) != 0) throw new InvalidDataException("an SQLite database with odd pages");
        _usable = _pageSize - file[20];
        _left = 2 * (file.Length / _pageSize + 1);
    }

    /// <summary>The last blob of each row.</summary>
    public static IEnumerable<byte[]> Blobs(byte[] file, string table)
    {
        var reader = new SqliteTable(file);
        // The schema's table has (type, name, tbl_name, rootpage, sql).
        foreach (var record in reader.Records(1, 0).ToList())
        {
            var columns = Columns(record);
            if (columns.Count < 4 || Encoding.UTF8.GetString(columns[0].Span) != "table" || Encoding.UTF8.GetString(columns[1].Span) != table) continue;
            int root = 0;
            foreach (byte b in columns[3].Span) root = root << 8 | b;
            foreach (var row in reader.Records(root, 0))
                if (Columns(row) is { Count: > 0 } values) yield return values[^1].ToArray();
            yield break;
        }
        throw new InvalidDataException($"the database has no table {table}");
    }

    private ReadOnlyMemory<byte> Page(long number)
    {
        if (number < 1 || number * _pageSize > _file.Length) throw new InvalidDataException("a page is not there");
        if (--_left < 0) throw new InvalidDataException("pages lead in circles");
        return _file.AsMemory((int)((number - 1) * _pageSize), _pageSize);
    }

    private IEnumerable<byte[]> Records(long number, int depth)
    {
        if (depth > MaxDepth) throw new InvalidDataException("pages lead in circles");
        var page = Page(number);
        int head = number == 1 ? HeaderSize : 0;
        byte type = page.Span[head];
        int cells = U16(page, head + 3), list = head + (type == Interior ? 12 : 8);
        if (type is not (Interior or Leaf) || list + 2 * cells > _usable) throw new InvalidDataException("a page of another kind");
        for (int i = 0; i < cells; i++)
        {
            int at = U16(page, list + 2 * i);
            if (type == Leaf) yield return Payload(page, at);
            else foreach (var record in Records(U32(page, at), depth + 1)) yield return record;
        }
        if (type == Interior) foreach (var record in Records(U32(page, head + 8), depth + 1)) yield return record;
    }

    /// <summary>A cell's record: what does not fit into the page goes on in others.</summary>
    private byte[] Payload(ReadOnlyMemory<byte> page, int at)
    {
        long length = Varint(page.Span, ref at);
        Varint(page.Span, ref at);
        if (length < 0 || length > _file.Length) throw new InvalidDataException("a record is larger than its file");
        var record = new byte[length];
        int most = _usable - 35, least = (_usable - 12) * 32 / 255 - 23;
        int here = (int)length;
        if (length > most)
        {
            here = least + (int)((length - least) % (_usable - 4));
            if (here > most) here = least;
        }
        Slice(page, at, here).CopyTo(record);
        if (here == length) return record;
        long next = U32(page, at + here);
        for (int done = here; done < length;)
        {
            var more = Page(next);
            int count = Math.Min(_usable - 4, (int)length - done);
            Slice(more, 4, count).CopyTo(record.AsMemory(done));
            done += count;
            next = U32(more, 0);
        }
        return record;
    }

    /// <summary>A record's values; of integers the bytes.</summary>
    private static List<ReadOnlyMemory<byte>> Columns(byte[] record)
    {
        var columns = new List<ReadOnlyMemory<byte>>();
        int at = 0;
        long header = Varint(record, ref at);
        if (header > record.Length) throw new InvalidDataException("a record that ends too early");
        for (long body = header; at < header;)
        {
            long type = Varint(record, ref at);
            long size = type switch { 0 or 8 or 9 => 0, <= 4 => type, 5 => 6, 6 or 7 => 8, _ => (type - 12) / 2 };
            if (size < 0 || body + size > record.Length) throw new InvalidDataException("a record that ends too early");
            columns.Add(record.AsMemory((int)body, (int)size));
            body += size;
        }
        return columns;
    }

    private static long Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        long value = 0;
        for (int i = 0; i < 9; i++)
        {
            if ((uint)at >= (uint)bytes.Length) throw new InvalidDataException("a number ends too early");
            byte b = bytes[at++];
            if (i == 8) return value << 8 | b;
            value = value << 7 | (uint)(b & 0x7f);
            if (b < 0x80) break;
        }
        return value;
    }

    private static ReadOnlyMemory<byte> Slice(ReadOnlyMemory<byte> page, int at, int count) => at >= 0 && count >= 0 && at <= page.Length - count ? page.Slice(at, count) : throw new InvalidDataException("a cell lies outside of its page");
    private static int U16(ReadOnlyMemory<byte> page, int at) => BinaryPrimitives.ReadUInt16BigEndian(Slice(page, at, 2).Span);
    private static long U32(ReadOnlyMemory<byte> page, int at) => BinaryPrimitives.ReadUInt32BigEndian(Slice(page, at, 4).Span);
}
