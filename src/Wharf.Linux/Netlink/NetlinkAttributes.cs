using System.Buffers.Binary;

namespace Wharf.Linux.Netlink;

/// <summary>Reads attributes of netlink messages (netlink(7)): length, type, value, aligned to four bytes.</summary>
public static class NetlinkAttributes
{
    public const ushort NLA_F_NESTED = 0x8000;
    private const ushort NLA_F_NET_BYTEORDER = 0x4000;

    /// <summary>The value of the first attribute of a type; false when there is none.</summary>
    public static bool TryFind(ReadOnlySpan<byte> attributes, ushort type, out ReadOnlySpan<byte> value)
    {
        while (attributes.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
            if (length < 4 || length > attributes.Length) break;
            if ((BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]) & ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER)) == type)
            {
                value = attributes[4..length];
                return true;
            }
            attributes = attributes[Math.Min(attributes.Length, length + 3 & ~3)..];
        }
        value = default;
        return false;
    }
}
