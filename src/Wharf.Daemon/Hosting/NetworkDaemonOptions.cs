using System.Globalization;
using System.Net;
using Wharf.Engine;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>The daemon's settings of networks, from flags and configuration file.</summary>
internal static class NetworkDaemonOptions
{
    public static readonly string[] Switches = ["--allow-direct-routing", "--icc", "--ip-forward", "--ip-masq", "--iptables", "--ipv6"];

    public static readonly string[] Flags =
    [
        "--bip6", "--bridge", "--bridge-accept-fwmark", "--default-address-pool", "--default-gateway", "--default-gateway-v6", "--default-network-opt", "--dns-opt", "--dns-search", "--firewall", "--firewall-backend",
        "--fixed-cidr", "--fixed-cidr-v6", "--host-gateway-ip", "--ip", "--mtu",
    ];

    /// <summary>Flags, without dashes, and whether the file sets the same.</summary>
    public static IEnumerable<(string Flag, bool InFile)> InFile(DaemonConfigFile file) =>
    [
        ("default-address-pool", file.AddressPools is not null), ("default-gateway", file.DefaultGateway is not null), ("default-network-opt", file.DefaultNetworkOptions is not null),
        ("dns-opt", file.DnsOptions is not null), ("dns-search", file.DnsSearch is not null), ("firewall", file.Firewall is not null), ("fixed-cidr", file.FixedCidr is not null),
        ("fixed-cidr-v6", file.FixedCidrV6 is not null), ("host-gateway-ip", file.HostGateway is not null), ("icc", file.Icc is not null), ("ip", file.Ip is not null),
        ("allow-direct-routing", file.AllowDirectRouting is not null), ("bip6", file.Bip6 is not null), ("bridge", file.Bridge is not null), ("bridge-accept-fwmark", file.BridgeAcceptFwmark is not null), ("default-gateway-v6", file.DefaultGatewayV6 is not null),
        ("firewall-backend", file.FirewallBackend is not null), ("ip-forward", file.IpForward is not null), ("iptables", file.Iptables is not null), ("ip6tables", file.Ip6tables is not null),
        ("ip-masq", file.IpMasquerade is not null), ("ipv6", file.IPv6 is not null), ("mtu", file.Mtu is not null),
    ];

    public static DaemonOptions Apply(DaemonOptions options, Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        string? One(string name) => flags.GetValueOrDefault(name)?[^1];
        var pools = flags.GetValueOrDefault("--default-address-pool")?.Select(ParsePool) ?? file.AddressPools?.Select(entry => Pool(entry.Base, entry.Size));
        var merged = options with
        {
            AcceptMark = (One("--bridge-accept-fwmark") ?? file.BridgeAcceptFwmark) is { Length: > 0 } mark ? ParseMark(mark) : null,
            AllowsDirectRouting = Flag(One("--allow-direct-routing"), "allow-direct-routing") ?? file.AllowDirectRouting ?? false,
            BridgeAddress6 = (One("--bip6") ?? file.Bip6) is { Length: > 0 } bip6 ? Subnet.TryParse(bip6, out var own) && own.IsIPv6 ? bip6 : throw WharfException.Invalid($"invalid value \"{bip6}\" for option \"bip6\": not an IPv6 address with a prefix length") : null,
            BridgeName = (One("--bridge") ?? file.Bridge) is { Length: > 0 } bridge ? bridge : null,
            DefaultGateway6 = Address(One("--default-gateway-v6") ?? file.DefaultGatewayV6, "default-gateway-v6"),
            FirewallBackend = (One("--firewall-backend") ?? file.FirewallBackend ?? "") switch
            {
                "" or "nftables" or "iptables" or "iptables-legacy" => One("--firewall-backend") ?? file.FirewallBackend ?? "",
                var other => throw WharfException.Invalid($"invalid firewall-backend \"{other}\": use nftables, iptables or iptables-legacy"),
            },
            ForwardsPackets = Flag(One("--ip-forward"), "ip-forward") ?? file.IpForward ?? true,
            UsesFirewall = Flag(One("--iptables"), "iptables") ?? file.Iptables ?? true,
            AddressPools = [.. pools ?? []],
            DefaultGateway = Address(One("--default-gateway") ?? file.DefaultGateway, "default-gateway"),
            DefaultNetworkOptions = flags.TryGetValue("--default-network-opt", out var given) ? ParseOptions(given) : file.DefaultNetworkOptions ?? [],
            DnsOptions = flags.GetValueOrDefault("--dns-opt") ?? file.DnsOptions ?? [],
            DnsSearch = flags.GetValueOrDefault("--dns-search") ?? file.DnsSearch ?? [],
            RespectHostFirewall = (One("--firewall") ?? file.Firewall ?? "docker") switch
            {
                "respect" => true, "docker" => false,
                var other => throw WharfException.Invalid($"invalid value \"{other}\" for option \"firewall\": use docker or respect"),
            },
            FixedCidr = Range(One("--fixed-cidr") ?? file.FixedCidr, v6: false, "fixed-cidr"),
            FixedCidrV6 = Range(One("--fixed-cidr-v6") ?? file.FixedCidrV6, v6: true, "fixed-cidr-v6"),
            HostGateway = Address(One("--host-gateway-ip") ?? file.HostGateway, "host-gateway-ip"),
            Icc = Flag(One("--icc"), "icc") ?? file.Icc ?? true,
            DefaultHostAddress = Address(One("--ip") ?? file.Ip, "ip") is { } address and not "0.0.0.0" ? address : null,
            Masquerade = Flag(One("--ip-masq"), "ip-masq") ?? file.IpMasquerade ?? true,
            IPv6 = Flag(One("--ipv6"), "ipv6") ?? file.IPv6 ?? false,
            Mtu = One("--mtu") is { } mtu ? Number(mtu) : file.Mtu ?? 1500,
        };
        if (merged.Mtu is < 68 or > 65535) throw WharfException.Invalid($"invalid value {merged.Mtu} for option \"mtu\"");
        if (merged.BridgeName is not null && (merged.BridgeAddress is not null || merged.BridgeAddress6 is not null)) throw WharfException.Invalid($"You specified -b & {(merged.BridgeAddress is null ? "--bip6" : "--bip")}, mutually exclusive options. Please specify only one");
        RequireInBridge(merged);
        return merged;
    }

    private static void RequireInBridge(DaemonOptions options)
    {
        if (options.DefaultGateway is not null && options.BridgeAddress is null && options.BridgeName is null && options.FixedCidr is null) throw WharfException.Invalid("default-gateway needs bip, bridge or fixed-cidr: the default bridge's subnet is chosen anew where it collides");
        if (options.BridgeAddress is not { } bridge) return;
        if (!Subnet.TryParse(bridge, out var subnet) || subnet.IsIPv6) throw WharfException.Invalid($"invalid value \"{bridge}\" for option \"bip\": not an IPv4 address with a prefix length");
        if (options.FixedCidr is { } range && !subnet.Contains(Subnet.Parse(range))) throw WharfException.Invalid($"fixed-cidr {range} is outside {subnet}");
        if (options.DefaultGateway is { } gateway && !subnet.Contains(IPAddress.Parse(gateway))) throw WharfException.Invalid($"default-gateway {gateway} is outside {subnet}");
    }

    // base=10.10.0.0/16,size=24
    private static AddressPool ParsePool(string text)
    {
        var parts = text.Split(',').Select(part => part.Split('=', 2)).Where(part => part.Length == 2).ToDictionary(part => part[0].Trim(), part => part[1].Trim());
        return Pool(parts.GetValueOrDefault("base"), parts.TryGetValue("size", out var size) ? Number(size) : 0);
    }

    private static AddressPool Pool(string? range, int size)
    {
        if (!Subnet.TryParse(range, out var subnet)) throw WharfException.Invalid($"invalid base pool \"{range}\": invalid CIDR address");
        if (size < subnet.PrefixLength || size > subnet.Bits) throw WharfException.Invalid($"invalid pools size {size}: it must be between {subnet.PrefixLength} and {subnet.Bits}");
        return new AddressPool(subnet, size);
    }

    // 0x1/0x3, or a number alone for the whole mark.
    private static (uint Mark, uint Mask) ParseMark(string text)
    {
        var parts = text.Split('/');
        uint mask = uint.MaxValue;
        return parts.Length <= 2 && TryNumber(parts[0], out uint mark) && (parts.Length == 1 || TryNumber(parts[1], out mask)) ? (mark, mask) : throw WharfException.Invalid($"invalid value \"{text}\" for option \"bridge-accept-fwmark\": use MARK or MARK/MASK");

        static bool TryNumber(string part, out uint number) => part.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? uint.TryParse(part.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number) : uint.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    // bridge=com.docker.network.driver.mtu=1400
    private static Dictionary<string, Dictionary<string, string>> ParseOptions(List<string> given)
    {
        var options = new Dictionary<string, Dictionary<string, string>>();
        foreach (var text in given)
        {
            if (text.Split('=', 3) is not [var driver, var key, var value]) throw WharfException.Invalid($"invalid value \"{text}\" for option \"default-network-opt\": use driver=key=value");
            if (!options.TryGetValue(driver, out var own)) options[driver] = own = [];
            own[key] = value;
        }
        return options;
    }

    private static string? Address(string? text, string option) => text is null ? null : Subnet.TryParseAddress(text, out var address) ? address.ToString() : throw WharfException.Invalid($"invalid value \"{text}\" for option \"{option}\": not an IP address");

    private static string? Range(string? text, bool v6, string option) =>
        text is null ? null : Subnet.TryParse(text, out var subnet) && subnet.IsIPv6 == v6 ? subnet.ToString() : throw WharfException.Invalid($"invalid value \"{text}\" for option \"{option}\": not an {(v6 ? "IPv6" : "IPv4")} subnet");

    private static bool? Flag(string? text, string option) => text switch
    {
        null => null, "true" or "1" => true, "false" or "0" => false,
        _ => throw WharfException.Invalid($"invalid value \"{text}\" for option \"{option}\": use true or false"),
    };

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw WharfException.Invalid($"\"{text}\" is not a whole number");
}
