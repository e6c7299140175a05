using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>An IPv4 subnet, with arithmetic on host byte order.</summary>
public readonly record struct Subnet(uint First, int PrefixLength)
{
    public uint Last => First | (uint)(0xFFFFFFFFUL >> PrefixLength);
    public bool Contains(uint address) => address >= First && address <= Last;
    public bool Overlaps(Subnet other) => First <= other.Last && other.First <= Last;

    public static IPAddress ToAddress(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return new IPAddress(bytes);
    }

    public static uint ToUInt32(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    /// <summary>Parses <c>172.20.0.0/16</c>; bits behind the prefix are cleared.</summary>
    public static Subnet Parse(string text)
    {
        var parts = text.Split('/');
        if (parts.Length != 2 || !TryParseAddress(parts[0], out uint address) || !int.TryParse(parts[1], out int length) || length is < 1 or > 32)
            throw WharfException.Invalid($"invalid CIDR address: {text}");
        return new Subnet(address & (uint)(0xFFFFFFFFUL << (32 - length)), length);
    }

    public static bool TryParseAddress(string? text, out uint address)
    {
        address = 0;
        if (!IPAddress.TryParse(text, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetwork) return false;
        address = ToUInt32(parsed);
        return true;
    }

    public override string ToString() => $"{ToAddress(First)}/{PrefixLength}";
}
