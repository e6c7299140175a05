using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Reads docker's options of bridge networks.</summary>
internal static class BridgeOptions
{
    private const string Prefix = "com.docker.network.bridge.";
    public const string Name = Prefix + "name", EnableIcc = Prefix + "enable_icc", EnableMasquerade = Prefix + "enable_ip_masquerade", HostBinding = Prefix + "host_binding_ipv4",
        InhibitIPv4 = Prefix + "inhibit_ipv4", GatewayMode4 = Prefix + "gateway_mode_ipv4", GatewayMode6 = Prefix + "gateway_mode_ipv6",
        TrustedInterfaces = Prefix + "trusted_host_interfaces", EnableIPv4 = "com.docker.network.enable_ipv4", EnableIPv6 = "com.docker.network.enable_ipv6",
        Mtu = "com.docker.network.driver.mtu", Default = Prefix + "default_bridge", InterfacePrefix = "com.docker.network.container_iface_prefix",
        HostIPv4 = "com.docker.network.host_ipv4", HostIPv6 = "com.docker.network.host_ipv6";

    public static bool Icc(Network network) => Flag(network.Options, EnableIcc, otherwise: true);
    public static bool Masquerade(Network network) => Flag(network.Options, EnableMasquerade, otherwise: true);
    public static bool HasHostAddress(Network network) => !Flag(network.Options, InhibitIPv4, otherwise: false);
    /// <summary>Where ports are published that name no host address; null for all addresses.</summary>
    public static string? HostAddress(Network network) => network.Options?.GetValueOrDefault(HostBinding) is { Length: > 0 } address and not "0.0.0.0" ? address : null;
    /// <summary>The host's address that the network's packets leave under; null for that of the interface they leave by.</summary>
    public static string? SourceAddress(Network network, bool v6) =>
        network.Options?.GetValueOrDefault(v6 ? HostIPv6 : HostIPv4) is { Length: > 0 } text && Subnet.TryParseAddress(text, out var address) && Subnet.IsV6(address) == v6 ? address.ToString() : null;
    /// <summary>Interfaces of the host from where containers may be reached at any port.</summary>
    public static string[] Trusted(Network network) => network.Options?.GetValueOrDefault(TrustedInterfaces)?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? [];
    /// <summary>The host is no part of the network: no address, no way out.</summary>
    public static bool IsIsolated(Network network, bool v6) => GatewayMode(network, v6) == "isolated";
    public static string InterfaceName(Network network) => network.Options?.GetValueOrDefault(InterfacePrefix) is { Length: > 0 } prefix ? prefix : "eth";
    public static string GatewayMode(Network network, bool v6) => network.Options?.GetValueOrDefault(v6 ? GatewayMode6 : GatewayMode4) is { Length: > 0 } mode ? mode : "nat";
    public static int? MtuOf(Network network) => network.Options?.GetValueOrDefault(Mtu) is { } text && int.Parse(text, CultureInfo.InvariantCulture) is > 0 and var mtu ? mtu : null;

    /// <summary>Throws InvalidArgument for a value that cannot be meant; unknown keys are kept and mean nothing, as in docker.</summary>
    public static void Check(Dictionary<string, string>? options, bool isInternal = false)
    {
        foreach (var (key, value) in options ?? [])
        {
            switch (key)
            {
                case EnableIcc or EnableMasquerade or InhibitIPv4:
                    _ = Flag(options, key, true);
                    break;
                case Mtu:
                    if (!int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int mtu)) throw WharfException.Invalid($"failed to parse {key} value: {value} (strconv.Atoi: parsing \"{value}\": invalid syntax)");
                    if (mtu is not 0 and (< 68 or > 65535)) throw WharfException.Invalid($"invalid MTU number: {value}");
                    break;
                case Name:
                    if (value.Length > 0) RequireInterfaceName(value);
                    break;
                case InterfacePrefix:
                    RequireInterfaceName(value + "0");
                    break;
                case HostBinding or HostIPv4 or HostIPv6:
                    if (!Subnet.TryParseAddress(value, out _)) throw WharfException.Invalid($"failed to parse {key} value: {value} (nil ip)");
                    break;
                case GatewayMode4 or GatewayMode6:
                    if (value is not ("" or "nat" or "nat-unprotected" or "routed" or "isolated")) throw WharfException.Invalid($"failed to parse {key} value: {value} (unknown gateway mode {value})");
                    if (value == "isolated" && !isInternal) throw new WharfException(ErrorKind.Internal, "gateway mode 'isolated' can only be used for an internal network");
                    break;
                case TrustedInterfaces:
                    foreach (var name in value.Split(':', StringSplitOptions.RemoveEmptyEntries)) RequireInterfaceName(name);
                    break;
            }
        }
    }

    // Names end in a firewall script and in paths under /proc/sys: only what the kernel's dev_valid_name would take, and less.
    private static void RequireInterfaceName(string name)
    {
        if (name.Length is < 1 or > 15 || name is "." or ".." || !name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.'))
            throw WharfException.Invalid($"invalid interface name \"{name}\": 1 to 15 letters, digits, '-', '_' or '.'");
    }

    private static bool Flag(Dictionary<string, string>? options, string key, bool otherwise) => options?.GetValueOrDefault(key) switch
    {
        null or "" => otherwise,
        var value => Specs.GoSyntax.Bool(value) ?? throw WharfException.Invalid($"failed to parse {key} value: {value} (strconv.ParseBool: parsing \"{value}\": invalid syntax)"),
    };
}
