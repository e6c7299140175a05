using System.Globalization;
using Wharf.Linux.Fds;
using Wharf.Linux.Netlink;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Numbers and addresses of network interfaces.</summary>
internal static class Interfaces
{
    /// <summary>Indexes in a new namespace: lo, then the first of ours.</summary>
    public const int Loopback = 1, First = 2;

    /// <summary>
    /// A pair from a network's bridge into a namespace. Hairpin, since with br_netfilter a container's packet to its own published port is
    /// turned round inside the bridge. For icc=false neighbours are kept apart by the firewall where br_netfilter shows it their packets, and
    /// else by the bridge itself, which then also has no part in turning packets to published ports.
    /// </summary>
    public static (string, NetlinkMessage)[] Veth(NetworkRecord network, int bridge, Fd target, string hostName, string name, int index) =>
        [RouteRequest.CreateVeth(hostName, bridge, target, name, index, BridgeOptions.MtuOf(network.Network)), RouteRequest.SetPort(hostName, isolated: !BridgeOptions.Icc(network.Network) && !HasBridgeFilter, HasIPv6)];

    public static bool IsBridge(string name) => name.Length > 0 && Directory.Exists($"/sys/class/net/{name}/bridge");

    /// <summary>br_netfilter is loaded: a bridge that asks for it has its packets pass the IP firewall.</summary>
    public static bool HasBridgeFilter => Directory.Exists("/proc/sys/net/bridge");
    public static bool HasIPv6 => Directory.Exists("/proc/sys/net/ipv6");

    /// <summary>A random address, locally administered, with docker's beginning.</summary>
    public static byte[] RandomMac() => [0x02, 0x42, .. System.Security.Cryptography.RandomNumberGenerator.GetBytes(4)];

    /// <summary>An address of that kind that a container has on a network at every start.</summary>
    public static byte[] LastingMac(string containerId, string networkId) => [0x02, 0x42, .. System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(containerId + networkId)).AsSpan(0, 4)];

    /// <summary>As docker writes it: six pairs of hex digits with colons.</summary>
    public static string TextOf(byte[] mac) => string.Join(':', mac.Select(part => part.ToString("x2", CultureInfo.InvariantCulture)));

    public static byte[] ParseMac(string text)
    {
        var parts = text.Split(':', '-');
        var bytes = new byte[6];
        if (parts.Length != 6) throw WharfException.Invalid($"invalid MAC address {text}");
        for (int i = 0; i < 6; i++)
            if (parts[i].Length is < 1 or > 2 || !byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[i])) throw WharfException.Invalid($"invalid MAC address {text}");
        return bytes;
    }

    /// <summary>A locally administered address that a given IPv4 address always has, so that no neighbour's cache is ever wrong about it.</summary>
    public static string MacOf(System.Net.IPAddress address)
    {
        var bytes = address.GetAddressBytes().AsSpan();
        var tail = bytes[^4..];
        return $"02:42:{tail[0]:x2}:{tail[1]:x2}:{tail[2]:x2}:{tail[3]:x2}";
    }
}

/// <summary>Settings under /proc/sys/net; which namespace they belong to is decided by the thread that writes.</summary>
internal static class NetworkSettingsFile
{
    /// <summary>Writes a setting if this kernel has it (IPv6 can be off as a whole).</summary>
    public static void Write(string path, string value)
    {
        path = "/proc/sys/net/" + path;
        if (File.Exists(path)) File.WriteAllText(path, value);
    }

    /// <summary>Writes a setting that a user asked for: docker's words for one that there is not.</summary>
    public static void WriteAsked(string path, string value)
    {
        if (!File.Exists("/proc/sys/net/" + path)) throw new WharfException(ErrorKind.Internal, $"/proc/sys/net/{path} is not a sysctl file");
        Write(path, value);
    }

    /// <summary>Writes a setting only if it is not so already: /proc/sys is often read-only with everything prepared.</summary>
    public static void Require(string path, string value)
    {
        path = "/proc/sys/net/" + path;
        if (!File.Exists(path) || File.ReadAllText(path).Trim() == value) return;
        try { File.WriteAllText(path, value); }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw WharfException.Unavailable($"cannot set {path} to {value}: {error.Message}");
        }
    }
}
