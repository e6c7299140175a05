using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Wharf.Engine.Networks;

/// <summary>An IPv4 or IPv6 subnet. Addresses are numbers here; IPv4's stay below 2^32.</summary>
public readonly record struct Subnet(UInt128 First, int PrefixLength, bool IsIPv6)
{
    public int Bits => IsIPv6 ? 128 : 32;
    public UInt128 Last => First | Mask(Bits - PrefixLength);
    public bool Contains(UInt128 address) => address >= First && address <= Last;
    public bool Contains(IPAddress address) => IsV6(address) == IsIPv6 && Contains(ToNumber(address));
    public bool Contains(Subnet other) => IsIPv6 == other.IsIPv6 && other.First >= First && other.Last <= Last;
    public bool Overlaps(Subnet other) => IsIPv6 == other.IsIPv6 && First <= other.Last && other.First <= Last;

    public IPAddress ToAddress(UInt128 number)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        return new IPAddress(IsIPv6 ? bytes : bytes[12..]);
    }

    public static UInt128 ToNumber(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return bytes.Length == 4 ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public static bool IsV6(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>Parses <c>172.20.0.0/16</c> or <c>fd00:1::/64</c>; bits behind the prefix are cleared.</summary>
    public static bool TryParse(string? text, out Subnet subnet)
    {
        subnet = default;
        var parts = (text ?? "").Split('/');
        if (parts.Length != 2 || !TryParseAddress(parts[0], out var address) || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int length)) return false;
        if (length < 1 || length > (IsV6(address) ? 128 : 32)) return false;
        subnet = Around(address, length);
        return true;
    }

    public static Subnet Parse(string text) => TryParse(text, out var subnet) ? subnet : throw new FormatException($"invalid CIDR address: {text}");

    /// <summary>The subnet of an address.</summary>
    public static Subnet Around(IPAddress address, int prefixLength)
    {
        bool v6 = IsV6(address);
        return new Subnet(ToNumber(address) & ~Mask((v6 ? 128 : 32) - prefixLength), prefixLength, v6);
    }

    /// <summary>Strict: four decimal numbers, or IPv6 without a zone.</summary>
    public static bool TryParseAddress(string? text, out IPAddress address)
    {
        address = IPAddress.None;
        if (text is null || text.Contains('%') || text.Contains('[') || !IPAddress.TryParse(text, out var parsed)) return false;
        // IPAddress takes "10.1" and "0x7f.1" too, which read differently elsewhere.
        if (parsed.AddressFamily == AddressFamily.InterNetwork && parsed.ToString() != text) return false;
        address = parsed;
        return true;
    }

    private static UInt128 Mask(int bits) => bits >= 128 ? UInt128.MaxValue : (UInt128.One << bits) - 1;

    public override string ToString() => $"{ToAddress(First)}/{PrefixLength}";
}
