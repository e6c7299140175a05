using System.Buffers.Binary;
using System.Text;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>An installed package's header as rpm's database has it (rpm's manual, "Header structure"): an index of tags, then what they point at.</summary>
internal static class RpmHeader
{
    private const int Name = 1000, Version = 1001, Release = 1002, Epoch = 1003, SourceRpm = 1044, EntrySize = 16, MaxEntries = 4096;
    private const uint Int32Type = 4, StringType = 6;

    public static IEnumerable<Package> Packages(IEnumerable<byte[]> headers) => headers.Select(Package).OfType<Package>();

    /// <summary>Null for what is no package: a counter, or a key that somebody trusts.</summary>
    private static Package? Package(byte[] header)
    {
        if (header.Length < 2 * EntrySize) return null;
        long entries = BinaryPrimitives.ReadUInt32BigEndian(header), data = 8 + entries * EntrySize;
        if (entries is 0 or > MaxEntries || data > header.Length) return null;
        string? name = null, version = null, release = null, source = null;
        uint epoch = 0;
        for (int i = 0; i < entries; i++)
        {
            var entry = header.AsSpan(8 + i * EntrySize);
            uint tag = BinaryPrimitives.ReadUInt32BigEndian(entry), type = BinaryPrimitives.ReadUInt32BigEndian(entry[4..]), offset = BinaryPrimitives.ReadUInt32BigEndian(entry[8..]);
            if (tag is not (Name or Version or Release or Epoch or SourceRpm)) continue;
            if (data + offset + (type == Int32Type ? sizeof(uint) : 1) > header.Length) throw new InvalidDataException("a tag points outside of its header");
            var value = header.AsSpan((int)(data + offset));
            if (type == Int32Type && tag == Epoch) epoch = BinaryPrimitives.ReadUInt32BigEndian(value);
            if (type != StringType) continue;
            var text = Encoding.UTF8.GetString(value[..(value.IndexOf((byte)0) is >= 0 and var end ? end : value.Length)]);
            switch (tag)
            {
                case Name: name = text; break;
                case Version: version = text; break;
                case Release: release = text; break;
                case SourceRpm: source = text; break;
            }
        }
        if (name is null or "gpg-pubkey" || version is null || release is null) return null;
        var full = (epoch > 0 ? epoch + ":" : "") + version + "-" + release;
        return new Package(PackageKind.Rpm, name, full, SourceName(source) ?? name, full);
    }

    /// <summary><c>openssl-3.0.7-27.el9.src.rpm</c>: the last two dashes part version and release.</summary>
    private static string? SourceName(string? file)
    {
        int last = file?.LastIndexOf('-') ?? -1, before = last > 0 ? file!.LastIndexOf('-', last - 1) : -1;
        return before > 0 ? file![..before] : null;
    }
}
