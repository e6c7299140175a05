using System.Globalization;
using System.Net;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Interfaces of containers, in as few requests to the kernel as can be.</summary>
public sealed partial class NetworkService
{
    internal const string SysctlOption = "com.docker.network.endpoint.sysctls";
    private const string NameOption = "com.docker.network.endpoint.ifname";

    /// <summary>A namespace with an interface for each endpoint that has one.</summary>
    private async Task<(Fd Namespace, EndpointRecord[] Records)> BuildAsync(SandboxRequest request, EndpointRecord[] records)
    {
        var wired = records.Where(record => record.Interface.Length > 0).ToArray();
        var first = wired.Length > 0 && Find(wired[0].NetworkId) is { IsBridge: true } network ? network : null;
        var prepared = await _pool.TakeAsync(first, first is null ? 0 : HostIndexOf(first), records.Any(HasNames));
        try
        {
            if (wired.Any(record => Find(record.NetworkId).IsRemote))
            {
                records = await JoinAsync(request, records, prepared.Namespace);
                wired = [.. records.Where(record => record.Interface.Length > 0)];
            }
            var inside = new List<(string, NetlinkMessage)>();
            // At once: the next interface may be called eth0.
            if (first is not null && wired[0].Interface != "eth0") prepared.Inside.Do(RouteRequest.Rename(Interfaces.First, wired[0].Interface));
            for (int i = 0; i < wired.Length; i++)
            {
                int index = Interfaces.First + i;
                if (i > 0 || first is null) AddInterface(wired[i], prepared.Namespace, index);
                Configure(inside, wired[i], index);
            }
            await WriteSettingsAsync(prepared, wired, first is not null);
            var gateways = GatewaysOf(wired);
            if (gateways.V4 is { } v4) AddDefaultRoute(inside, v4, Interfaces.First + Array.IndexOf(wired, v4), v6: false);
            if (gateways.V6 is { } v6) AddDefaultRoute(inside, v6, Interfaces.First + Array.IndexOf(wired, v6), v6: true);
            prepared.Inside.Do([.. inside]);
            prepared.Inside.Dispose();
            return (prepared.Namespace, records);
        }
        catch
        {
            await LeaveAsync(records);
            prepared.Dispose();
            throw;
        }
    }

    /// <summary>Puts an interface of the endpoint's network into a namespace, still down.</summary>
    private void AddInterface(EndpointRecord record, Fd target, int index)
    {
        var network = Find(record.NetworkId);
        if (network.IsRemote)
        {
            MoveIn(record, target, index);
            return;
        }
        int below = HostIndexOf(network);
        int? mtu = BridgeOptions.MtuOf(network.Network);
        switch (network.Network.Driver)
        {
            case "macvlan": MoveIn(record, target, index, name => RouteRequest.CreateMacvlan(name, below, ParentOptions.MacvlanMode(network.Network), mtu)); break;
            case "ipvlan": MoveIn(record, target, index, name => RouteRequest.CreateIpvlan(name, below, ParentOptions.IpvlanMode(network.Network), ParentOptions.IpvlanFlag(network.Network), mtu)); break;
            default: _netlink.Do(Interfaces.Veth(network, below, target, NamespacePool.HostName(), record.Interface, index)); break;
        }
    }

    // Made here under a name and number of its own: before Linux 6.13 those it is to have in the other namespace must not be taken in this one. A stray one is known by its name.
    private void MoveIn(EndpointRecord record, Fd target, int index, Func<string, (string, NetlinkMessage)> create)
    {
        var name = $"wh{_options.InstanceTag}-m{Interlocked.Increment(ref _moved) & 0xfff:x}";
        _netlink.Do(create(name));
        int made = RouteNetlink.IndexOf(name) ?? throw new IOException($"{name} has gone as soon as it was made");
        try { _netlink.Do(RouteRequest.Move(made, record.Interface, target, index)); }
        catch
        {
            _netlink.Do(RouteRequest.DeleteLink(made));
            throw;
        }
    }

    private int _moved;

    /// <summary>Up, with addresses. What comes after needs the routes to the subnets, which the kernel makes with the addresses.</summary>
    private void Configure(List<(string, NetlinkMessage)> inside, EndpointRecord record, int index)
    {
        var settings = record.Settings;
        var network = Find(record.NetworkId).Network;
        bool ownMac = network.Driver != "ipvlan" && settings.MacAddress is { Length: > 0 };
        inside.Add(RouteRequest.SetUp(index, ownMac ? Interfaces.ParseMac(settings.MacAddress!) : [], QueueLength.Of(network, settings)));
        if (settings.IPAddress is { Length: > 0 } v4) inside.Add(RouteRequest.AddAddress(index, IPAddress.Parse(v4), (int)settings.IPPrefixLen!));
        if (settings.GlobalIPv6Address is { Length: > 0 } v6) inside.Add(RouteRequest.AddAddress(index, IPAddress.Parse(v6), (int)settings.GlobalIPv6PrefixLen!));
        foreach (var local in settings.IPAMConfig?.LinkLocalIPs ?? [])
        {
            var address = IPAddress.Parse(local);
            inside.Add(RouteRequest.AddAddress(index, address, Subnet.IsV6(address) ? 64 : 16));
        }
        foreach (var route in record.Remote?.Routes ?? []) AddRoute(inside, route, index);
    }

    private void AddDefaultRoute(List<(string, NetlinkMessage)> inside, EndpointRecord gateway, int index, bool v6) =>
        inside.Add(ParentOptions.IsLayer3(Find(gateway.NetworkId).Network)
            ? RouteRequest.AddDefaultRoute(v6, index)
            : RouteRequest.AddDefaultRoute(IPAddress.Parse((v6 ? gateway.Settings.IPv6Gateway : gateway.Settings.Gateway)!), index));

    /// <summary>Settings that are not the namespace's defaults: those the user asks for, and IPv6 where some networks have it and others do not.</summary>
    private async Task WriteSettingsAsync(PreparedNamespace prepared, EndpointRecord[] wired, bool firstIsPrepared)
    {
        var settings = wired.SelectMany((record, number) => SettingsOf(record, number == 0 && firstIsPrepared ? prepared.IPv6 : null)).ToList();
        if (settings.Count == 0) return;
        await NetworkNamespace.EnterAsync(prepared.Namespace, () =>
        {
            WriteSettings(settings);
            return settings.Count;
        });
    }

    private static void WriteSettings(IEnumerable<(string Path, string Value, bool Asked)> settings)
    {
        foreach (var (path, value, asked) in settings)
        {
            if (asked) NetworkSettingsFile.WriteAsked(path, value);
            else NetworkSettingsFile.Write(path, value);
        }
    }

    private IEnumerable<(string Path, string Value, bool Asked)> SettingsOf(EndpointRecord record, bool? inheritedIPv6)
    {
        bool v6 = Find(record.NetworkId).Network.EnableIPv6 == true;
        if (v6 != inheritedIPv6)
        {
            yield return ($"ipv6/conf/{record.Interface}/accept_ra", "0", false);
            yield return ($"ipv6/conf/{record.Interface}/accept_dad", "0", false);
            yield return ($"ipv6/conf/{record.Interface}/disable_ipv6", v6 ? "0" : "1", false);
        }
        foreach (var (path, value) in EndpointSysctls.Parse(record.Settings.DriverOpts?.GetValueOrDefault(SysctlOption), record.Interface)) yield return (path, value, true);
    }

    /// <summary>The name asked for, or the first free one of the network's kind.</summary>
    private static string NameOf(EndpointSettings wanted, Network network, IReadOnlyCollection<EndpointRecord> others)
    {
        if (wanted.DriverOpts?.GetValueOrDefault(NameOption) is { Length: > 0 } asked)
        {
            if (asked.Length > 15 || asked == "lo" || !asked.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.') || asked.Trim('.').Length == 0)
                throw WharfException.Invalid($"invalid interface name \"{asked}\"");
            if (others.Any(other => other.Interface == asked)) throw WharfException.Conflict($"interface name \"{asked}\" is already used in this container");
            return asked;
        }
        var prefix = BridgeOptions.InterfaceName(network);
        for (int number = 0; ; number++)
        {
            var name = prefix + number.ToString(CultureInfo.InvariantCulture);
            if (others.All(other => other.Interface != name)) return name;
        }
    }
}
