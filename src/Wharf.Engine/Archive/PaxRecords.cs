using System.Buffers.Text;
using System.Text;

namespace Wharf.Engine.Archive;

/// <summary>
/// The records of a PAX extended header: <c>LENGTH KEY=VALUE\n</c>, values binary-safe (POSIX pax, "pax Extended Header").
/// Keys of GNU sparse files are collected apart, for some of them may repeat.
/// </summary>
internal sealed class PaxRecords
{
    public byte[]? Path { get; private set; }
    public byte[]? LinkPath { get; private set; }
    public long? Size { get; private set; }
    public uint? Uid { get; private set; }
    public uint? Gid { get; private set; }
    public (long Seconds, uint Nanoseconds)? Modified { get; private set; }
    public List<TarXattr>? Xattrs { get; private set; }
    public PaxSparse? Sparse { get; private set; }

    public static PaxRecords Parse(ReadOnlySpan<byte> data, int maxPieces)
    {
        var records = new PaxRecords();
        while (!data.IsEmpty)
        {
            if (!Utf8Parser.TryParse(data, out int length, out int digits) || digits > 9 || digits + 3 > length || length > data.Length
                || data[digits] != ' ' || data[length - 1] != '\n')
                throw TarHeader.Broken("malformed PAX record");
            var record = data[(digits + 1)..(length - 1)];
            int equals = record.IndexOf((byte)'=');
            if (equals <= 0) throw TarHeader.Broken("malformed PAX record");
            records.Set(record[..equals], record[(equals + 1)..], maxPieces);
            data = data[length..];
        }
        return records;
    }

    private void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, int maxPieces)
    {
        if (key.SequenceEqual("path"u8)) Path = Name(value);
        else if (key.SequenceEqual("linkpath"u8)) LinkPath = Name(value);
        else if (key.SequenceEqual("size"u8)) Size = value.IsEmpty ? null : Decimal(value);
        else if (key.SequenceEqual("uid"u8)) Uid = value.IsEmpty ? null : TarHeader.Id(Decimal(value), "uid");
        else if (key.SequenceEqual("gid"u8)) Gid = value.IsEmpty ? null : TarHeader.Id(Decimal(value), "gid");
        else if (key.SequenceEqual("mtime"u8)) Modified = value.IsEmpty ? null : Time(value);
        else if (key.StartsWith("SCHILY.xattr."u8)) AddXattr(key["SCHILY.xattr."u8.Length..], value);
        else if (key.StartsWith("GNU.sparse."u8)) (Sparse ??= new PaxSparse()).Set(key["GNU.sparse."u8.Length..], value, maxPieces);
    }

    private void AddXattr(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.IsEmpty || name.Contains((byte)0)) throw TarHeader.Broken("malformed PAX record");
        Xattrs ??= [];
        foreach (var xattr in Xattrs)
        {
            if (!name.SequenceEqual(xattr.Name)) continue;
            Xattrs.Remove(xattr);
            break;
        }
        Xattrs.Add(new TarXattr(name.ToArray(), value.ToArray()));
    }

    // An empty value takes the record back (POSIX pax). A zero byte would make the kernel see another name than we do.
    private static byte[]? Name(ReadOnlySpan<byte> value) =>
        value.Contains((byte)0) ? throw TarHeader.Broken("a name with a zero byte") : value.IsEmpty ? null : value.ToArray();

    public static long Decimal(ReadOnlySpan<byte> value) =>
        Utf8Parser.TryParse(value, out long number, out int consumed) && consumed == value.Length && number >= 0
            ? number
            : throw TarHeader.Broken("malformed number in a PAX record");

    /// <summary>Seconds with a fraction of any length, cut to nanoseconds towards the past as the kernel stores them.</summary>
    private static (long, uint) Time(ReadOnlySpan<byte> value)
    {
        int dot = value.IndexOf((byte)'.');
        var whole = dot < 0 ? value : value[..dot];
        if (!Utf8Parser.TryParse(whole, out long seconds, out int consumed) || consumed != whole.Length) throw TarHeader.Broken("malformed time");
        if (dot < 0) return (seconds, 0);
        long nanoseconds = 0;
        int digits = 0;
        foreach (byte digit in value[(dot + 1)..])
        {
            if (digit is < (byte)'0' or > (byte)'9') throw TarHeader.Broken("malformed time");
            if (digits < 9) (nanoseconds, digits) = (nanoseconds * 10 + (digit - '0'), digits + 1);
        }
        for (; digits < 9; digits++) nanoseconds *= 10;
        if (value[0] == '-' && nanoseconds > 0) return (seconds - 1, (uint)(1_000_000_000 - nanoseconds));
        return (seconds, (uint)nanoseconds);
    }

    /// <summary>Appends one record; its length counts its own digits.</summary>
    public static void Append(List<byte> output, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int rest = key.Length + value.Length + 3;
        int length = rest + 1;
        while (rest + Digits(length) != length) length = rest + Digits(length);
        output.AddRange(Encoding.ASCII.GetBytes(length.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        output.Add((byte)' ');
        output.AddRange(key);
        output.Add((byte)'=');
        output.AddRange(value);
        output.Add((byte)'\n');
    }

    private static int Digits(int number)
    {
        int digits = 1;
        while ((number /= 10) > 0) digits++;
        return digits;
    }
}
