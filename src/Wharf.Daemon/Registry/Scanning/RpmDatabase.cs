using System.Buffers.Binary;

namespace Wharf.Daemon.Registry.Scanning;

/// <summary>The two older forms of rpm's database: each gives the headers of the installed packages. Strangers made them: every number is checked.</summary>
internal static class RpmDatabase
{
    private const uint NdbMagic = 0x506d7052, NdbSlot = 0x746f6c53, NdbBlob = 0x53626c42; // "RpmP", "Slot", "BlbS"
    private const int NdbPage = 4096, NdbHeader = 32, NdbUnit = 16;

    /// <summary>rpm's own (SUSE): slots at the start, each with the place of a blob in units of 16 bytes.</summary>
    public static IEnumerable<byte[]> Ndb(byte[] file)
    {
        if (file.Length < NdbHeader || U32(file, 0) != NdbMagic) throw new InvalidDataException("no package database");
        long end = U32(file, 12) * (long)NdbPage;
        for (int slot = NdbHeader; slot + NdbUnit <= end && slot + NdbUnit <= file.Length; slot += NdbUnit)
        {
            if (U32(file, slot) != NdbSlot) throw new InvalidDataException("a slot of another kind");
            long at = U32(file, slot + 8) * (long)NdbUnit;
            if (at == 0) continue;
            if (at + NdbUnit > file.Length || U32(file, at) != NdbBlob || U32(file, at + 4) != U32(file, slot + 4)) throw new InvalidDataException("a package is not where it should be");
            yield return Slice(file, at + NdbUnit, U32(file, at + 12));
        }
    }

    private const uint HashMagic = 0x061561;
    private const int HashHeader = 26;
    private const byte HashPage = 13, UnsortedHashPage = 2, Inline = 1, Elsewhere = 3;

    /// <summary>Berkeley DB's hash (CentOS and RHEL up to 8): pages of keys and values in turn; a large value has a chain of pages.</summary>
    public static IEnumerable<byte[]> BerkeleyHash(byte[] file)
    {
        if (file.Length < 512 || U32(file, 12) != HashMagic) throw new InvalidDataException("no Berkeley DB hash");
        long size = U32(file, 20);
        if (size is < 512 or > 65536) throw new InvalidDataException("a Berkeley DB with odd pages");
        long left = file.Length / size + 1;
        for (long page = size; page + size <= file.Length; page += size)
        {
            if (file[page + 25] is not (HashPage or UnsortedHashPage)) continue;
            int entries = U16(file, page + 20);
            if (HashHeader + 2 * entries > size) throw new InvalidDataException("a page with too many entries");
            for (int i = 1; i < entries; i += 2)
            {
                int begin = U16(file, page + HashHeader + 2 * i), end = U16(file, page + HashHeader + 2 * (i - 1));
                if (begin >= size || end > size) throw new InvalidDataException("an entry lies outside of its page");
                // Entries grow downwards: each ends where the one before begins.
                if (file[page + begin] == Inline && end > begin) yield return Slice(file, page + begin + 1, end - begin - 1);
                else if (file[page + begin] == Elsewhere && begin + 12 <= size) yield return Chain(file, size, U32(file, page + begin + 4), U32(file, page + begin + 8), ref left);
            }
        }
    }

    private static byte[] Chain(byte[] file, long size, long page, long length, ref long left)
    {
        if (length > file.Length) throw new InvalidDataException("a package is larger than its database");
        var bytes = new byte[length];
        for (long done = 0; done < length; page = U32(file, page * size + 16))
        {
            if (page == 0 || (page + 1) * size > file.Length || --left < 0) throw new InvalidDataException("a package's pages are not there");
            long count = Math.Min(Math.Min(U16(file, page * size + 22), size - HashHeader), length - done);
            file.AsSpan((int)(page * size + HashHeader), (int)count).CopyTo(bytes.AsSpan((int)done));
            done += count;
        }
        return bytes;
    }

    private static byte[] Slice(byte[] file, long at, long count) => at + count <= file.Length ? file[(int)at..(int)(at + count)] : throw new InvalidDataException("a package ends too early");
    private static uint U32(byte[] file, long at) => at + 4 <= file.Length ? BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan((int)at)) : throw new InvalidDataException("the database ends too early");
    private static int U16(byte[] file, long at) => at + 2 <= file.Length ? BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan((int)at)) : throw new InvalidDataException("the database ends too early");
}
