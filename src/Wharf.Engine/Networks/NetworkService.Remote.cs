using System.Net;
using System.Text.Json.Nodes;
using Wharf.Engine.Networks.Plugins;
using Wharf.Linux.Fds;
using Wharf.Linux.Netlink;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Endpoints on networks of plugins: the plugin makes an interface on the host and names it; we put it into the container.</summary>
public sealed partial class NetworkService
{
    /// <summary>Lets plugins make the endpoints on their networks; gives all endpoints with what they made. On failure nothing is left of it.</summary>
    private async Task<EndpointRecord[]> JoinAsync(SandboxRequest request, EndpointRecord[] records, Fd sandbox)
    {
        EndpointRecord[] joined = [.. records];
        try
        {
            for (int i = 0; i < joined.Length; i++)
                if (Find(joined[i].NetworkId).IsRemote && joined[i].Remote is null) joined[i] = await JoinAsync(request, joined[i], joined, sandbox);
            var gateways = GatewaysOf(joined);
            for (int i = 0; i < joined.Length; i++)
                if (joined[i].Remote is { External: false } && gateways.Include(joined[i])) joined[i] = await LeadOutAsync(request, joined[i]);
            _endpoints[request.ContainerId] = joined;
            return joined;
        }
        catch
        {
            await LeaveAsync(joined.Except(records));
            throw;
        }
    }

    private async Task<EndpointRecord> JoinAsync(SandboxRequest request, EndpointRecord endpoint, EndpointRecord[] all, Fd sandbox)
    {
        var driver = await DriverOfAsync(Find(endpoint.NetworkId));
        var settings = endpoint.Settings with { };
        var asked = Ids(endpoint);
        asked["Interface"] = new JsonObject
        {
            ["Address"] = settings.IPAddress is { Length: > 0 } v4 ? $"{v4}/{settings.IPPrefixLen}" : "",
            ["AddressIPv6"] = settings.GlobalIPv6Address is { Length: > 0 } v6 ? $"{v6}/{settings.GlobalIPv6PrefixLen}" : "",
            ["MacAddress"] = settings.MacAddress ?? "",
        };
        asked["Options"] = OptionsOf(request, endpoint);
        if ((await driver.DriverAsync("CreateEndpoint", asked, CancellationToken.None)).Interface is { } made) Take(made, settings);
        try
        {
            var join = Ids(endpoint);
            join["SandboxKey"] = $"/proc/{Environment.ProcessId}/fd/{sandbox.Value}";
            join["Options"] = OptionsOf(request, endpoint);
            var answer = await driver.DriverAsync("Join", join, CancellationToken.None);
            (settings.Gateway, settings.IPv6Gateway) = (AddressIn(answer.Gateway), AddressIn(answer.GatewayIPv6));
            var remote = new RemoteEndpoint { SourceName = answer.InterfaceName?.SrcName, Routes = answer.StaticRoutes ?? [] };
            return endpoint with { Settings = settings, Remote = remote, Interface = remote.SourceName is { Length: > 0 } ? NameInside(endpoint, answer.InterfaceName!, all) : "" };
        }
        catch
        {
            await TryAsync(() => driver.DriverAsync("DeleteEndpoint", Ids(endpoint), CancellationToken.None));
            throw;
        }
    }

    /// <summary>The plugin's own words on an interface: only what was left open is taken.</summary>
    private static void Take(PluginInterface made, Specs.DockerApi.EndpointSettings settings)
    {
        if (made.MacAddress is { Length: > 0 } mac && settings.MacAddress is not { Length: > 0 }) settings.MacAddress = Interfaces.TextOf(Interfaces.ParseMac(mac));
        if (Split(made.Address) is var (v4, length4) && settings.IPAddress is not { Length: > 0 }) (settings.IPAddress, settings.IPPrefixLen) = (v4, length4);
        if (Split(made.AddressIPv6) is var (v6, length6) && settings.GlobalIPv6Address is not { Length: > 0 }) (settings.GlobalIPv6Address, settings.GlobalIPv6PrefixLen) = (v6, length6);

        static (string, int)? Split(string? text) =>
            text?.Split('/') is [var address, var length] && Subnet.TryParseAddress(address, out var parsed) && int.TryParse(length, System.Globalization.CultureInfo.InvariantCulture, out int bits) ? (parsed.ToString(), bits) : null;
    }

    private static string AddressIn(string? text) => Subnet.TryParseAddress(text?.Split('/')[0], out var address) ? address.ToString() : "";

    /// <summary>The name that the user wants, or the plugin, or the plugin's prefix with the first free number.</summary>
    private static string NameInside(EndpointRecord endpoint, PluginInterfaceName name, EndpointRecord[] all)
    {
        if (endpoint.Settings.DriverOpts?.GetValueOrDefault(NameOption) is { Length: > 0 } || name is not ({ DstPrefix.Length: > 0 } or { DstName.Length: > 0 })) return endpoint.Interface;
        if (name.DstName is { Length: > 0 } whole) return whole;
        for (int number = 0; ; number++)
        {
            var candidate = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{name.DstPrefix}{number}");
            if (all.All(other => other.Interface != candidate || other.NetworkId == endpoint.NetworkId)) return candidate;
        }
    }

    private async Task<EndpointRecord> LeadOutAsync(SandboxRequest request, EndpointRecord endpoint)
    {
        var asked = Ids(endpoint);
        asked["Options"] = OptionsOf(request, endpoint);
        try { await (await DriverOfAsync(Find(endpoint.NetworkId))).DriverAsync("ProgramExternalConnectivity", asked, CancellationToken.None); }
        catch (WharfException error) when (error.Kind == ErrorKind.NotFound) { return endpoint; } // the method came late; drivers need not have it
        return endpoint with { Remote = endpoint.Remote! with { External = true } };
    }

    /// <summary>Tells plugins that endpoints are no more. What they say against it is logged.</summary>
    private async Task LeaveAsync(IEnumerable<EndpointRecord> records)
    {
        foreach (var record in records.Where(record => record.Remote is not null))
        {
            NetworkRecord? network;
            lock (_lock) network = _networks.GetValueOrDefault(record.NetworkId);
            if (network is null) continue;
            foreach (var method in (IEnumerable<string>)(record.Remote!.External ? ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"] : ["Leave", "DeleteEndpoint"]))
                await TryAsync(async () => await (await DriverOfAsync(network)).DriverAsync(method, Ids(record), CancellationToken.None));
        }
    }

    /// <summary>A container that runs already joins a plugin's network.</summary>
    private async Task<(EndpointRecord Added, EndpointRecord[] After)> JoinLateAsync(SandboxRequest request, EndpointRecord[] before, EndpointRecord added, Fd sandbox)
    {
        var after = await JoinAsync(request, [.. before, added], sandbox);
        return (after[^1], after);
    }

    private void MoveIn(EndpointRecord record, Fd target, int index)
    {
        var name = record.Remote!.SourceName!;
        int source = RouteNetlink.IndexOf(name) ?? throw new WharfException(ErrorKind.Internal, $"failed to add interface {name} to sandbox: failed to get link by name \"{name}\": Link not found");
        _netlink.Do(RouteRequest.Move(source, record.Interface, target, index));
    }

    private static void AddRoute(List<(string, NetlinkMessage)> inside, PluginRoute route, int index)
    {
        if (!Subnet.TryParse(route.Destination, out var destination)) throw new WharfException(ErrorKind.Internal, $"static route: \"{route.Destination}\" is no subnet");
        IPAddress? via = null;
        if (route.NextHop is { Length: > 0 } hop && !Subnet.TryParseAddress(hop, out via)) throw new WharfException(ErrorKind.Internal, $"static route: \"{hop}\" is no address");
        inside.Add(RouteRequest.AddRoute(destination.ToAddress(destination.First), destination.PrefixLength, via, index));
    }

    private static JsonObject Ids(EndpointRecord endpoint) => new() { ["NetworkID"] = endpoint.NetworkId, ["EndpointID"] = endpoint.Settings.EndpointID };

    /// <summary>Ports that the container has and publishes, as docker tells drivers of them, and the user's options.</summary>
    private static JsonObject OptionsOf(SandboxRequest request, EndpointRecord endpoint)
    {
        var exposed = new JsonArray();
        foreach (var key in request.ExposedPorts)
        {
            var (port, protocol) = PortRequest.ParseKey(key);
            exposed.Add((JsonNode)new JsonObject { ["Proto"] = NumberOf(protocol), ["Port"] = port });
        }
        var map = new JsonArray();
        foreach (var wish in PortRequest.Expand(request.PortBindings, request.ExposedPorts, request.PublishAllPorts))
            map.Add((JsonNode)new JsonObject { ["Proto"] = NumberOf(wish.Protocol), ["IP"] = "", ["Port"] = wish.ContainerPort, ["HostIP"] = wish.HostAddress, ["HostPort"] = wish.From, ["HostPortEnd"] = wish.To });
        var options = new JsonObject { ["com.docker.network.endpoint.exposedports"] = exposed, ["com.docker.network.portmap"] = map };
        foreach (var (key, value) in endpoint.Settings.DriverOpts ?? []) options[key] = value;
        return options;

        static int NumberOf(string protocol) => protocol switch { "udp" => IPPROTO_UDP, "sctp" => IPPROTO_SCTP, _ => 6 };
    }
}
