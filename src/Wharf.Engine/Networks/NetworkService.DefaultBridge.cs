using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>The network that containers are on which name none: it follows the daemon's options from start to start.</summary>
public sealed partial class NetworkService
{
    /// <summary>What docker calls a gateway that is not the bridge's own address.</summary>
    internal const string DefaultGateway4 = "DefaultGatewayIPv4", DefaultGateway6 = "DefaultGatewayIPv6";

    private void EnsureDefaultBridge(NetworkRecord? existing)
    {
        bool foreign = _options.BridgeName is not null;
        if (existing is not null && (_options.NoDefaultBridge || existing.ForeignBridge != foreign || (foreign && existing.Bridge != _options.BridgeName))) existing = Forget(existing);
        if (_options.NoDefaultBridge) return;
        var bridge = _options.BridgeName ?? NameOfOwn(existing);
        if (foreign && !Directory.Exists($"/sys/class/net/{bridge}/bridge"))
            throw new WharfException(ErrorKind.Internal, $"Error creating default \"bridge\" network: bridge device with non default name {bridge} must be created manually");
        var options = new Dictionary<string, string>
        {
            [BridgeOptions.Default] = "true", [BridgeOptions.EnableIcc] = _options.Icc ? "true" : "false", [BridgeOptions.EnableMasquerade] = _options.Masquerade ? "true" : "false",
            [BridgeOptions.HostBinding] = _options.DefaultHostAddress ?? "0.0.0.0", [BridgeOptions.Name] = bridge, [BridgeOptions.Mtu] = _options.Mtu.ToString(CultureInfo.InvariantCulture),
        };
        List<IpamConfig> configs = [DefaultPool(existing, v6: false)];
        if (_options.IPv6) configs.Add(DefaultPool(existing, v6: true));
        var network = (existing?.Network ?? NewNetwork(DefaultBridge, "bridge")) with { Options = options, EnableIPv6 = _options.IPv6, IPAM = new Ipam { Driver = "default", Config = configs } };
        AddRecord(new NetworkRecord { Network = network, Bridge = bridge, UserSubnets = foreign || _options.BridgeAddress is not null || _options.FixedCidr is not null, ForeignBridge = foreign });
    }

    /// <summary>One family's addresses: those of the bridge's address that was asked for or that the operator's bridge has, of the range alone, of the last start, or chosen.</summary>
    private IpamConfig DefaultPool(NetworkRecord? existing, bool v6)
    {
        var (address, range, gateway) = v6 ? (_options.BridgeAddress6, _options.FixedCidrV6, _options.DefaultGateway6) : (_options.BridgeAddress, _options.FixedCidr, _options.DefaultGateway);
        address ??= _options.BridgeName is { } bridge ? AddressOn(bridge, v6) : null;
        var pool = address is not null ? new IpamConfig { Subnet = Subnet.Parse(address).ToString(), IPRange = range, Gateway = address.Split('/')[0] }
            : range is not null ? new IpamConfig { Subnet = range, IPRange = range, Gateway = GatewayIn(Subnet.Parse(range), null) }
            : existing?.Network.IPAM?.Config?.Find(config => Subnet.Parse(config.Subnet!).IsIPv6 == v6) is { } kept ? kept with { IPRange = null, AuxiliaryAddresses = null }
            : ChooseSubnet(v6);
        if (gateway is null || gateway == pool.Gateway) return pool;
        var subnet = Subnet.Parse(pool.Subnet!);
        if (!subnet.Contains(IPAddress.Parse(gateway))) throw WharfException.Invalid($"default-gateway{(v6 ? "-v6" : "")} {gateway} is outside {subnet}");
        return pool with { AuxiliaryAddresses = new Dictionary<string, string> { [v6 ? DefaultGateway6 : DefaultGateway4] = gateway } };
    }

    /// <summary>A bridge that containers are on keeps its name; else it is another one when that is free, or not free, any more.</summary>
    private string NameOfOwn(NetworkRecord? existing)
    {
        var name = DefaultBridgeName();
        if (existing is null || existing.Bridge == name) return name;
        if (EndpointsOn(existing.Network.Id!).Any()) return existing.Bridge;
        if (IsOurBridge(existing.Bridge) && RouteNetlink.IndexOf(existing.Bridge) is { } index) _netlink.Do(RouteRequest.DeleteLink(index));
        return name;
    }

    /// <summary>The first address of an interface, with its prefix length; null when it has none of the family.</summary>
    private static string? AddressOn(string name, bool v6) => NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(one => one.Name == name)?.GetIPProperties().UnicastAddresses
        .Where(address => Subnet.IsV6(address.Address) == v6 && !address.Address.IsIPv6LinkLocal).Select(address => $"{address.Address}/{address.PrefixLength}").FirstOrDefault();

    /// <summary>Another bridge is asked for, or none: what was made for the former goes.</summary>
    private NetworkRecord? Forget(NetworkRecord existing)
    {
        if (!existing.ForeignBridge && RouteNetlink.IndexOf(existing.Bridge) is { } index) _netlink.Do(RouteRequest.DeleteLink(index));
        _store.Remove(existing.Network.Id!);
        _networks.Remove(existing.Network.Id!);
        return null;
    }
}
