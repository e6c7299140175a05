using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Wharf.Linux.Fds;
using Wharf.Linux.Namespaces;
using Wharf.Linux.Netlink;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Endpoints of containers: made at start, freed at the end, taken over after a daemon restart.</summary>
public sealed partial class NetworkService
{
    private const int FirstInterface = 2; // lo is 1

    /// <summary>
    /// Makes a container's network: a fresh network namespace with lo up, an interface per network, routes, published ports.
    /// Modes host and container: are the caller's. On failure nothing is left.
    /// </summary>
    public async Task<NetworkSandbox> SetUpAsync(SandboxRequest request, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var records = new List<EndpointRecord>();
        try
        {
            foreach (var (name, wanted) in request.Endpoints) records.Add(Reserve(request, name, wanted));
            if (records.Count > 0) PublishPorts(request, records[0]);
            _endpoints[request.ContainerId] = records;
            var sandbox = await NetworkNamespace.CreateAsync(fd => Build(fd, records));
            foreach (var record in records)
            {
                _store.Save(record);
                PublishEvent("connect", record);
            }
            return new NetworkSandbox(sandbox, records.ToDictionary(record => Find(record.NetworkId).Network.Name!, record => record.Settings), PortsOf(request, records));
        }
        catch
        {
            foreach (var record in records) ReleaseAddress(record);
            RemoveRules(records);
            _ports.Release(request.ContainerId);
            _endpoints.TryRemove(request.ContainerId, out _);
            _store.RemoveEndpoints(request.ContainerId);
            throw;
        }
    }

    private EndpointRecord Reserve(SandboxRequest request, string name, EndpointSettings wanted)
    {
        var network = Find(name);
        if (network.Bridge.Length == 0) throw WharfException.Invalid($"network {network.Network.Name} cannot be joined by an endpoint");
        uint address;
        lock (_lock)
        {
            var allocator = _addresses[network.Network.Id!];
            if (wanted.IPAMConfig?.IPv4Address is { Length: > 0 } fixedAddress)
            {
                if (!Subnet.TryParseAddress(fixedAddress, out address)) throw WharfException.Invalid($"invalid IPv4 address: {fixedAddress}");
                allocator.Allocate(address);
            }
            else address = allocator.Allocate();
        }
        var config = network.Network.IPAM!.Config![0];
        var mac = wanted.MacAddress is { Length: > 0 } given ? given : $"02:42:{address >> 24:x2}:{address >> 16 & 255:x2}:{address >> 8 & 255:x2}:{address & 255:x2}";
        bool isDefault = network.Network.Name == DefaultBridge;
        return new EndpointRecord
        {
            ContainerId = request.ContainerId,
            ContainerName = request.ContainerName,
            NetworkId = network.Network.Id!,
            Settings = wanted with
            {
                NetworkID = network.Network.Id, EndpointID = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), Gateway = network.Network.Internal == true ? "" : config.Gateway,
                IPAddress = Subnet.ToAddress(address).ToString(), IPPrefixLen = Subnet.Parse(config.Subnet!).PrefixLength, MacAddress = mac,
                IPv6Gateway = "", GlobalIPv6Address = "", GlobalIPv6PrefixLen = 0, GwPriority = wanted.GwPriority ?? 0,
                DNSNames = isDefault ? null : [request.ContainerName, .. wanted.Aliases ?? [], request.ContainerId[..12]],
            },
        };
    }

    private void PublishPorts(SandboxRequest request, EndpointRecord record)
    {
        foreach (var (mapping, from, to) in PortRequest.Expand(request))
        {
            for (int port = from; ; port++)
            {
                try
                {
                    mapping.HostPort = port;
                    mapping.HostPort = _ports.Hold(request.ContainerId, mapping, record.Settings.IPAddress!);
                    record.Ports.Add(mapping);
                    break;
                }
                catch (WharfException error) when (port >= to)
                {
                    throw new WharfException(error.Kind, $"failed to set up container networking: driver failed programming external connectivity on endpoint {request.ContainerName} ({record.Settings.EndpointID}): {error.Message}", error);
                }
                catch (WharfException) { /* the next port of the range may be free */ }
            }
        }
        _firewall.AddPorts(record.Ports, record.Settings.IPAddress!);
    }

    /// <summary>Runs on a thread inside the new namespace; the host's netlink socket still belongs to the host.</summary>
    private Fd Build(Fd fd, List<EndpointRecord> records)
    {
        using var inside = new RouteNetlink();
        inside.SetUp(1);
        // No IPv6 on IPv4 networks, and no router may configure a container (CVE-2024-32473, CVE-2020-13401).
        foreach (var file in (ReadOnlySpan<string>)["all", "default"])
        {
            WriteSetting($"ipv6/conf/{file}/accept_ra", "0");
            WriteSetting($"ipv6/conf/{file}/disable_ipv6", "1");
        }
        WriteSetting("ipv6/conf/lo/disable_ipv6", "0");
        int index = FirstInterface;
        var gateway = records.OrderByDescending(record => record.Settings.GwPriority).FirstOrDefault(record => record.Settings.Gateway is { Length: > 0 });
        foreach (var record in records)
        {
            var network = Find(record.NetworkId);
            int bridge = HostIndexOf(network.Bridge);
            _netlink.CreateVeth(VethName(), bridge, fd, $"eth{index - FirstInterface}", index, MacBytes(record.Settings.MacAddress!), MtuOf(network.Network));
            inside.AddAddress(index, IPAddress.Parse(record.Settings.IPAddress!), (int)record.Settings.IPPrefixLen!);
            inside.SetUp(index);
            if (record == gateway) inside.AddDefaultRoute(IPAddress.Parse(record.Settings.Gateway!), index);
            index++;
        }
        return fd;
    }

    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _bridgeIndexes = new();

    // if_nametoindex asks the calling thread's namespace, which is the container's here: the index is looked up once, outside.
    private int HostIndexOf(string bridge) => _bridgeIndexes.TryGetValue(bridge, out int index) ? index : throw new WharfException(ErrorKind.Internal, $"bridge {bridge} is not there");

    private static string VethName() => "veth" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));

    private static byte[] MacBytes(string text)
    {
        var parts = text.Split(':', '-');
        var bytes = new byte[6];
        if (parts.Length != 6) throw WharfException.Invalid($"invalid MAC address: {text}");
        for (int i = 0; i < 6; i++)
            if (!byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes[i])) throw WharfException.Invalid($"invalid MAC address: {text}");
        return bytes;
    }

    private static Dictionary<string, List<PortBinding>?> PortsOf(SandboxRequest request, List<EndpointRecord> records)
    {
        var ports = new Dictionary<string, List<PortBinding>?>();
        foreach (var key in request.ExposedPorts) ports[key] = null;
        foreach (var mapping in records.SelectMany(record => record.Ports))
        {
            var key = $"{mapping.ContainerPort}/{mapping.Protocol}";
            if (!ports.TryGetValue(key, out var list) || list is null) ports[key] = list = [];
            list.Add(new PortBinding { HostIp = mapping.HostAddress.Length == 0 ? "0.0.0.0" : mapping.HostAddress, HostPort = mapping.HostPort.ToString(CultureInfo.InvariantCulture) });
        }
        return ports;
    }

    /// <summary>Frees addresses and published ports of a container that has stopped. Idempotent. Interfaces go with their namespace.</summary>
    public Task TearDownAsync(string containerId, CancellationToken cancellation)
    {
        if (!_endpoints.TryRemove(containerId, out var records)) return Task.CompletedTask;
        RemoveRules(records);
        _ports.Release(containerId);
        foreach (var record in records) ReleaseAddress(record);
        _store.RemoveEndpoints(containerId);
        foreach (var record in records) PublishEvent("disconnect", record);
        return Task.CompletedTask;
    }

    private void RemoveRules(List<EndpointRecord> records)
    {
        foreach (var record in records.Where(record => record.Ports.Count > 0))
        {
            try { _firewall.RemovePorts(record.Ports, record.Settings.IPAddress!); }
            catch (IOException error) { _log.RulesNotRemoved(record.ContainerId, error); }
        }
    }

    private void ReleaseAddress(EndpointRecord record)
    {
        if (!Subnet.TryParseAddress(record.Settings.IPAddress, out uint address)) return;
        lock (_lock) if (_addresses.TryGetValue(record.NetworkId, out var allocator)) allocator.Release(address);
    }

    /// <summary>After a daemon restart: takes the endpoints of a running container over again (addresses and rules are restored, ports held anew).</summary>
    public Task AdoptAsync(string containerId, CancellationToken cancellation)
    {
        if (!_endpoints.TryGetValue(containerId, out var records)) return Task.CompletedTask;
        foreach (var record in records)
        {
            foreach (var port in record.Ports)
            {
                try { _ports.Hold(containerId, port, record.Settings.IPAddress!); }
                catch (WharfException error) { _log.PortLost(containerId, port.HostPort, error); }
            }
        }
        return Task.CompletedTask;
    }

    private void PublishEvent(string action, EndpointRecord record)
    {
        var network = Find(record.NetworkId).Network;
        _events.Publish("network", action, network.Id!, new Dictionary<string, string> { ["container"] = record.ContainerId, ["name"] = network.Name!, ["type"] = network.Driver! });
    }
}
