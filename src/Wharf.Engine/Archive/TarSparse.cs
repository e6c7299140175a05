using System.Buffers.Text;

namespace Wharf.Engine.Archive;

/// <summary>What PAX records say of a GNU sparse file, formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").</summary>
internal sealed class PaxSparse
{
    private long? _pendingOffset;
    private long _major = -1, _minor = -1;

    public byte[]? Name { get; private set; }
    public long? RealSize { get; private set; }
    /// <summary>The map of formats 0.0 and 0.1.</summary>
    public List<SparsePiece>? Map { get; private set; }
    /// <summary>Format 1.0: the map stands at the start of the file's data.</summary>
    public bool MapInData => _major == 1 && _minor == 0;
    public bool Unsupported => _major >= 0 && !MapInData && !(_major == 0 && _minor is 0 or 1);

    public void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, int maxPieces)
    {
        if (key.SequenceEqual("major"u8)) _major = PaxRecords.Decimal(value);
        else if (key.SequenceEqual("minor"u8)) _minor = PaxRecords.Decimal(value);
        else if (key.SequenceEqual("name"u8)) Name = value.Contains((byte)0) ? throw TarHeader.Broken("a name with a zero byte") : value.ToArray();
        else if (key.SequenceEqual("size"u8) || key.SequenceEqual("realsize"u8)) RealSize = PaxRecords.Decimal(value);
        else if (key.SequenceEqual("numblocks"u8)) Map ??= [];
        else if (key.SequenceEqual("offset"u8)) _pendingOffset = PaxRecords.Decimal(value);
        else if (key.SequenceEqual("numbytes"u8)) Add(_pendingOffset ?? throw TarHeader.Broken("malformed sparse map"), PaxRecords.Decimal(value), maxPieces);
        else if (key.SequenceEqual("map"u8)) ParseList(value, maxPieces);
    }

    private void ParseList(ReadOnlySpan<byte> value, int maxPieces)
    {
        Map = [];
        long? offset = null;
        while (!value.IsEmpty)
        {
            int comma = value.IndexOf((byte)',');
            long number = PaxRecords.Decimal(comma < 0 ? value : value[..comma]);
            value = comma < 0 ? [] : value[(comma + 1)..];
            if (offset is null) offset = number;
            else
            {
                Add(offset.Value, number, maxPieces);
                offset = null;
            }
        }
        if (offset is not null) throw TarHeader.Broken("malformed sparse map");
    }

    private void Add(long offset, long length, int maxPieces)
    {
        Map ??= [];
        if (Map.Count >= maxPieces) throw TarHeader.Broken("sparse map too long");
        Map.Add(new SparsePiece(offset, length));
        _pendingOffset = null;
    }
}

/// <summary>Sparse maps that stand outside PAX records, and what every map must satisfy.</summary>
internal static class TarSparse
{
    private const int PieceSize = 24, OldMapOffset = 386, OldPieces = 4, OldExtended = 482, OldRealSize = 483;
    private const int ExtensionPieces = 21, ExtensionMore = 504;

    /// <summary>The map in an old GNU header block. True when extension blocks follow.</summary>
    public static bool ParseOldHeader(ReadOnlySpan<byte> block, List<SparsePiece> map, out long realSize)
    {
        realSize = TarHeader.Number(block.Slice(OldRealSize, 12));
        AddPieces(block.Slice(OldMapOffset, OldPieces * PieceSize), map);
        return block[OldExtended] != 0;
    }

    /// <summary>An extension block of the old GNU format. True when another follows.</summary>
    public static bool ParseOldExtension(ReadOnlySpan<byte> block, List<SparsePiece> map)
    {
        AddPieces(block[..(ExtensionPieces * PieceSize)], map);
        return block[ExtensionMore] != 0;
    }

    private static void AddPieces(ReadOnlySpan<byte> pieces, List<SparsePiece> map)
    {
        for (; !pieces.IsEmpty && pieces[0] != 0; pieces = pieces[PieceSize..])
            map.Add(new SparsePiece(TarHeader.Number(pieces[..12]), TarHeader.Number(pieces.Slice(12, 12))));
    }

    /// <summary>One number of a 1.0 map, a decimal line. False when the line is not all there yet.</summary>
    public static bool TryParseLine(ReadOnlySpan<byte> data, out long number, out int consumed)
    {
        (number, consumed) = (0, 0);
        int end = data.IndexOf((byte)'\n');
        if (end < 0 || end > 20) return data.Length <= 20 ? false : throw TarHeader.Broken("malformed sparse map");
        if (!Utf8Parser.TryParse(data[..end], out number, out int digits) || digits != end || number < 0) throw TarHeader.Broken("malformed sparse map");
        consumed = end + 1;
        return true;
    }

    /// <summary>
    /// Pieces in order, apart, inside the file, and together exactly what is stored: anything else could make a small archive
    /// write without end or read another entry's bytes. Drops empty pieces (GNU tar marks a hole at the end with one).
    /// </summary>
    public static List<SparsePiece> Validate(List<SparsePiece> map, long realSize, long stored)
    {
        if (realSize < 0) throw TarHeader.Broken("negative size");
        long end = 0, sum = 0;
        foreach (var piece in map)
        {
            if (piece.Offset < end || piece.Length < 0 || piece.Offset > realSize || piece.Length > realSize - piece.Offset) throw TarHeader.Broken("malformed sparse map");
            end = piece.Offset + piece.Length;
            sum += piece.Length;
        }
        if (sum != stored) throw TarHeader.Broken("sparse map does not match the stored size");
        map.RemoveAll(static piece => piece.Length == 0);
        return map;
    }
}
