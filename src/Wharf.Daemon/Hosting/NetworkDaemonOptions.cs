using System.Globalization;
using System.Net;
using Wharf.Engine;
using Wharf.Engine.Networks;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Hosting;

/// <summary>The daemon's settings of networks, from flags and configuration file.</summary>
internal static class NetworkDaemonOptions
{
    public static readonly string[] Flags =
    [
        "--bridge", "--default-address-pool", "--default-gateway", "--default-network-opt", "--dns-opt", "--dns-search", "--firewall", "--fixed-cidr", "--fixed-cidr-v6", "--host-gateway-ip",
        "--icc", "--ip", "--ip-masq", "--ipv6", "--mtu",
    ];

    /// <summary>Flags, without dashes, and whether the file sets the same.</summary>
    public static IEnumerable<(string Flag, bool InFile)> InFile(DaemonConfigFile file) =>
    [
        ("bridge", file.Bridge is not null), ("default-address-pool", file.AddressPools is not null), ("default-gateway", file.DefaultGateway is not null), ("default-network-opt", file.DefaultNetworkOptions is not null),
        ("dns-opt", file.DnsOptions is not null), ("dns-search", file.DnsSearch is not null), ("firewall", file.Firewall is not null), ("fixed-cidr", file.FixedCidr is not null),
        ("fixed-cidr-v6", file.FixedCidrV6 is not null), ("host-gateway-ip", file.HostGateway is not null), ("icc", file.Icc is not null), ("ip", file.Ip is not null),
        ("ip-masq", file.IpMasquerade is not null), ("ipv6", file.IPv6 is not null), ("mtu", file.Mtu is not null),
    ];

    public static DaemonOptions Apply(DaemonOptions options, Dictionary<string, List<string>> flags, DaemonConfigFile file)
    {
        string? One(string name) => flags.GetValueOrDefault(name)?[^1];
        var pools = flags.GetValueOrDefault("--default-address-pool")?.Select(ParsePool) ?? file.AddressPools?.Select(entry => Pool(entry.Base, entry.Size));
        var bridge = One("--bridge") ?? file.Bridge ?? "";
        if (bridge is not ("" or "none")) throw WharfException.Invalid($"invalid value \"{bridge}\" for option \"bridge\": the default bridge is always the daemon's own; \"none\" goes without");
        var merged = options with
        {
            NoDefaultBridge = bridge == "none",
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
        RequireInBridge(merged);
        return merged;
    }

    private static void RequireInBridge(DaemonOptions options)
    {
        if (options.FixedCidr is null && options.DefaultGateway is null) return;
        if (options.BridgeAddress is not { } bridge || !Subnet.TryParse(bridge, out var subnet)) throw WharfException.Invalid("fixed-cidr and default-gateway need bip: the default bridge's subnet is chosen anew where it collides");
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
