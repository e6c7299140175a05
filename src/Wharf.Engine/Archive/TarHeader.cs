using System.Numerics;
using System.Runtime.InteropServices;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Archive;

/// <summary>The fixed 512-byte header block and its number formats (POSIX pax "ustar"; GNU tar manual; base-256 from star and GNU).</summary>
internal static class TarHeader
{
    public const int BlockSize = 512;
    private const int ChecksumOffset = 148;

    public static WharfException Broken(string what) => WharfException.Invalid("invalid tar: " + what);

    public static bool IsZero(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);

    public static long Padded(long size) => (size + BlockSize - 1) & -BlockSize;

    /// <summary>Reads the block's own fields. <paramref name="stored"/> gets the bytes that follow in the archive.</summary>
    public static TarEntry Parse(ReadOnlySpan<byte> block, out long stored)
    {
        VerifyChecksum(block);
        var entry = new TarEntry
        {
            Type = block[156],
            Mode = (uint)(Number(block.Slice(100, 8)) & 0xfff),
            Uid = Id(Number(block.Slice(108, 8)), "uid"),
            Gid = Id(Number(block.Slice(116, 8)), "gid"),
            ModifiedSeconds = Number(block.Slice(136, 12)),
            LinkName = Text(block.Slice(157, 100)).ToArray(),
        };
        stored = Number(block.Slice(124, 12));
        if (stored < 0) throw Broken("negative size");
        entry.Size = stored;
        ParseMagic(block, entry);
        return entry;
    }

    private static void ParseMagic(ReadOnlySpan<byte> block, TarEntry entry)
    {
        var name = Text(block[..100]);
        var prefix = ReadOnlySpan<byte>.Empty;
        var magic = block.Slice(257, 6);
        if (magic.SequenceEqual("ustar\0"u8))
        {
            // star keeps its own mark at the end and two times where the prefix ends.
            prefix = Text(block.Slice(345, block.Slice(508, 4).SequenceEqual("tar\0"u8) ? 131 : 155));
        }
        if (magic[..5].SequenceEqual("ustar"u8) && entry.Type is TarType.CharDevice or TarType.BlockDevice)
        {
            entry.DeviceMajor = Device(block.Slice(329, 8));
            entry.DeviceMinor = Device(block.Slice(337, 8));
        }
        entry.Name = prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
    }

    /// <summary>A text field ends at its first zero byte or fills the field.</summary>
    public static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }

    /// <summary>Octal digits with blanks or zeros around them, or base-256 when the first bit is set. An empty field is 0.</summary>
    public static long Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0) return Base256(field);
        var digits = field.Trim(" \0"u8);
        int end = digits.IndexOf((byte)0);
        if (end >= 0) digits = digits[..end];
        long value = 0;
        foreach (byte digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7') throw Broken("a number that is not octal");
            if (value > long.MaxValue >> 3) throw Broken("number out of range");
            value = (value << 3) | (uint)(digit - '0');
        }
        return value;
    }

    private static long Base256(ReadOnlySpan<byte> field)
    {
        // Two's complement, big endian; bit 7 of the first byte is the mark and bit 6 the sign.
        Span<byte> bytes = stackalloc byte[field.Length];
        field.CopyTo(bytes);
        bool negative = (bytes[0] & 0x40) != 0;
        if (!negative) bytes[0] &= 0x7f;
        var value = new BigInteger(bytes, isUnsigned: false, isBigEndian: true);
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : throw Broken("number out of range");
    }

    /// <summary>User and group IDs must fit 32 bits and are never cut to it: 2^32 would become root (CVE-2024-40635).</summary>
    public static uint Id(long value, string what) => value is >= 0 and < uint.MaxValue ? (uint)value : throw Broken($"{what} {value} out of range");

    private static uint Device(ReadOnlySpan<byte> field)
    {
        long value = Number(field);
        return value is >= 0 and <= uint.MaxValue ? (uint)value : throw Broken("device number out of range");
    }

    private static void VerifyChecksum(ReadOnlySpan<byte> block)
    {
        long expected = Number(block.Slice(ChecksumOffset, 8));
        // Old tars summed signed bytes; both are accepted.
        if (expected != Checksum(block) && expected != SignedChecksum(block)) throw Broken("header checksum does not match");
    }

    /// <summary>The sum of the block's bytes with the checksum field taken as blanks.</summary>
    public static int Checksum(ReadOnlySpan<byte> block)
    {
        int sum = 8 * ' ';
        for (int i = 0; i < ChecksumOffset; i++) sum += block[i];
        for (int i = ChecksumOffset + 8; i < BlockSize; i++) sum += block[i];
        return sum;
    }

    private static int SignedChecksum(ReadOnlySpan<byte> block)
    {
        int sum = 8 * ' ';
        var signed = MemoryMarshal.Cast<byte, sbyte>(block);
        for (int i = 0; i < BlockSize; i++)
        {
            if (i is < ChecksumOffset or >= ChecksumOffset + 8) sum += signed[i];
        }
        return sum;
    }

    /// <summary>Writes octal digits and a closing zero; false when the value does not fit and the field is left zero.</summary>
    public static bool TryWriteOctal(Span<byte> field, long value)
    {
        int digits = field.Length - 1;
        field[digits] = 0;
        if (value < 0 || (digits < 21 && value >> (3 * digits) != 0))
        {
            field[..digits].Fill((byte)'0');
            return false;
        }
        for (int i = digits - 1; i >= 0; i--, value >>= 3) field[i] = (byte)('0' + (value & 7));
        return true;
    }

    /// <summary>Fills in the checksum of a finished block: six digits, zero, blank.</summary>
    public static void Seal(Span<byte> block)
    {
        TryWriteOctal(block.Slice(ChecksumOffset, 7), Checksum(block));
        block[ChecksumOffset + 7] = (byte)' ';
    }
}
