using System.Globalization;
using System.Net;
using Wharf.Linux.Netlink;
using Wharf.Linux.Syscalls;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>What networks are on the host: bridges with addresses, and the parents of macvlan and ipvlan.</summary>
public sealed partial class NetworkService
{
    private const int SubnetAttempts = 8;

    /// <summary>
    /// Makes what a network needs on the host unless it is there. A subnet we chose gives way when another interface has it: the record
    /// that comes back, and is then stored, has another one.
    /// </summary>
    private NetworkRecord BringUp(NetworkRecord record)
    {
        if (record.Bridge.Length == 0) return record;
        if (!record.IsBridge) return BringUpParent(record);
        if (record.Network.EnableIPv6 == true && _options.ForwardsPackets) NetworkSettingsFile.Require("ipv6/conf/all/forwarding", "1");
        if (RouteNetlink.IndexOf(record.Bridge) is { } existing)
        {
            // A bridge kept from an earlier start, that nobody uses, must not keep the packets of one that another engine has brought up since.
            bool idle = !record.ForeignBridge && !record.UserSubnets && !EndpointsOn(record.Network.Id!).Any();
            if (!idle || RivalOf(record, int.MaxValue) is null)
            {
                _hostIndexes[record.Bridge] = existing;
                if (record.ForeignBridge) UseForeign(record, existing);
                return record;
            }
            _netlink.Do(RouteRequest.DeleteLink(existing));
        }
        for (int attempt = 1; ; attempt++)
        {
            int index = CreateBridge(record);
            var rival = RivalOf(record, index);
            if (rival is null || record.UserSubnets || attempt == SubnetAttempts || EndpointsOn(record.Network.Id!).Any())
            {
                if (rival is not null) _log.SubnetTaken(record.Network.Name!, string.Join(", ", SubnetsOf(record.Network)), rival);
                _hostIndexes[record.Bridge] = index;
                return record;
            }
            _netlink.Do(RouteRequest.DeleteLink(index));
            record = record with { Network = record.Network with { IPAM = record.Network.IPAM! with { Config = [.. record.Network.IPAM.Config!.Select(config => ChooseSubnet(Subnet.Parse(config.Subnet!).IsIPv6))] } } };
            _store.Save(record);
        }
    }

    /// <summary>A bridge that someone else made: it gets our gateway addresses, and nothing else is changed.</summary>
    private void UseForeign(NetworkRecord record, int index)
    {
        foreach (var (gateway, prefixLength) in HostAddressesOf(record.Network))
        {
            try { _netlink.Do(RouteRequest.AddAddress(index, gateway, prefixLength)); }
            catch (SyscallException error) when (error.Errno == Errno.EEXIST) { /* it has it already */ }
        }
        _netlink.Do(RouteRequest.SetUp(index));
    }

    /// <summary>What the bridge itself has.</summary>
    private static IEnumerable<(IPAddress Gateway, int PrefixLength)> HostAddressesOf(Network network) =>
        from config in network.IPAM!.Config!
        let subnet = Subnet.Parse(config.Subnet!)
        where config.Gateway is { Length: > 0 } && (subnet.IsIPv6 || BridgeOptions.HasHostAddress(network))
        select (IPAddress.Parse(config.Gateway!), subnet.PrefixLength);

    private int CreateBridge(NetworkRecord record)
    {
        var network = record.Network;
        _netlink.Do(RouteRequest.CreateBridge(UnnamedBridge, Interfaces.RandomMac(), BridgeOptions.MtuOf(network), filtered: !BridgeOptions.Icc(network) && Interfaces.HasBridgeFilter));
        int index = RouteNetlink.IndexOf(UnnamedBridge) ?? throw new WharfException(ErrorKind.Internal, $"bridge {record.Bridge} vanished");
        try
        {
            _netlink.Do(RouteRequest.Rename(index, record.Bridge, BridgeMark));
            NetworkSettingsFile.Write($"ipv6/conf/{record.Bridge}/accept_ra", "0");
            // Nobody else can have the bridge's own link-local address, and until it is known to be unique the host finds no container.
            NetworkSettingsFile.Write($"ipv6/conf/{record.Bridge}/accept_dad", "0");
            NetworkSettingsFile.Write($"ipv6/conf/{record.Bridge}/disable_ipv6", network.EnableIPv6 == true ? "0" : "1");
            // Packets from 127.0.0.1 may be turned to containers; what comes from containers for 127/8 the firewall drops (CVE-2020-8558).
            NetworkSettingsFile.Write($"ipv4/conf/{record.Bridge}/route_localnet", "1");
            foreach (var (gateway, prefixLength) in HostAddressesOf(network)) _netlink.Do(RouteRequest.AddAddress(index, gateway, prefixLength));
            _netlink.Do(RouteRequest.SetUp(index));
            return index;
        }
        catch
        {
            _netlink.Do(RouteRequest.DeleteLink(index));
            throw;
        }
    }

    /// <summary>
    /// Another interface that the kernel would send our subnet's packets to. Two daemons may choose at the same time: the interface that
    /// came first keeps the subnet.
    /// </summary>
    private static string? RivalOf(NetworkRecord record, int index)
    {
        var own = SubnetsOf(record.Network);
        foreach (var (name, subnet) in AddressPools.HostRoutes(File.ReadLines("/proc/net/route")))
            if (name != record.Bridge && own.Exists(subnet.Overlaps) && (RouteNetlink.IndexOf(name) ?? int.MaxValue) < index) return name;
        return null;
    }

    private static List<Subnet> SubnetsOf(Network network) => [.. (network.IPAM?.Config ?? []).Where(config => config.Subnet is not null).Select(config => Subnet.Parse(config.Subnet!))];

    private IEnumerable<Subnet> SubnetsInUse() => _networks.Values.Where(record => record.Network.ConfigOnly != true).SelectMany(record => SubnetsOf(record.Network));

    /// <summary>The next default pool that neither the host's routes nor another network of ours overlap.</summary>
    private IpamConfig ChooseSubnet(bool v6)
    {
        List<Subnet> taken = [.. AddressPools.TakenByHost(), .. SubnetsInUse()];
        if (!v6 && _options.AddressPools.Count == 0 && AddressPools.DockerIsInstalled) taken.Add(AddressPools.DockersBridge);
        var own = _options.AddressPools.Where(pool => pool.Base.IsIPv6 == v6).ToList();
        var pools = own.Count > 0 ? own.SelectMany(AddressPools.Split) : v6 ? AddressPools.DefaultIPv6(_options.InstanceTag) : AddressPools.Default();
        var subnet = AddressPools.Choose(pools, taken)
            ?? throw new WharfException(ErrorKind.Internal, "all predefined address pools have been fully subnetted");
        return new IpamConfig { Subnet = subnet.ToString(), Gateway = subnet.ToAddress(subnet.First + 1).ToString() };
    }

    /// <summary>The interface under macvlan and ipvlan: one that is there, a VLAN <c>eth0.10</c> made on one, or a dummy without a way out.</summary>
    private NetworkRecord BringUpParent(NetworkRecord record)
    {
        var parent = record.Bridge;
        if (RouteNetlink.IndexOf(parent) is not null)
        {
            // Made for another network of ours: the last one to go takes it along.
            if (OthersOn(record).Any(other => other.OwnParent)) record = record with { OwnParent = true };
        }
        else if (record.OwnParent && !parent.Contains('.')) _netlink.Do(RouteRequest.CreateDummy(parent));
        else
        {
            var (below, vlan) = ParentOptions.ParseVlan(parent, RouteNetlink.IndexOf);
            _netlink.Do(RouteRequest.CreateVlan(parent, below, vlan));
            record = record with { OwnParent = true };
        }
        _hostIndexes[parent] = RouteNetlink.IndexOf(parent) ?? throw new WharfException(ErrorKind.Internal, $"interface {parent} vanished");
        return record;
    }

    /// <summary>Networks that share their parent with this one.</summary>
    private IEnumerable<NetworkRecord> OthersOn(NetworkRecord record) => _networks.Values.Where(other => other.Bridge == record.Bridge && other.Network.Id != record.Network.Id);

    private void TakeDown(NetworkRecord record)
    {
        if (!OthersOn(record).Any()) RemoveInterface(record);
    }

    private void RemoveInterface(NetworkRecord record)
    {
        if (record.Bridge.Length == 0) return;
        _hostIndexes.TryRemove(record.Bridge, out _);
        if (record.ForeignBridge || !record.IsBridge && !record.OwnParent) return;
        if (RouteNetlink.IndexOf(record.Bridge) is { } index) _netlink.Do(RouteRequest.DeleteLink(index));
    }

    private int HostIndexOf(NetworkRecord record) =>
        _hostIndexes.TryGetValue(record.Bridge, out int index) ? index : throw new WharfException(ErrorKind.Internal, $"network {record.Network.Name} could not be restored: its interface {record.Bridge} is not there");
}
