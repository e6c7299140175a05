using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>What a request to create a network must keep to; messages are docker's.</summary>
internal static class NetworkCreateRules
{
    public static void Check(NetworkCreateRequest request)
    {
        var name = request.Name ?? "";
        if (string.IsNullOrWhiteSpace(name)) throw WharfException.Invalid("invalid name: name is empty");
        if (name.Any(char.IsControl)) throw WharfException.Invalid($"invalid name: \"{name}\"");
        if (name is "bridge" or "host" or "none" or "default") throw Forbidden($"operation is not permitted on predefined {name} network ");
        if (request.Scope is "swarm") throw Forbidden($"cannot create a {request.Scope} scoped network when swarm is not active");
        if (request.Ingress == true) throw Forbidden("Ingress network can only be global scope network");
        CheckConfigOnly(request);
        CheckDriver(request);
        if (!UsesIPv4(request) && !UsesIPv6(request)) throw WharfException.Invalid("IPv4 or IPv6 must be enabled");
        if (request.IPAM?.Driver == "null") throw WharfException.Invalid("ipv4 pool is empty");
        CheckSubnets(request);
    }

    /// <summary>Drivers that need no plugin.</summary>
    public static readonly string[] BuiltIn = ["bridge", "host", "ipvlan", "macvlan", "null"];

    /// <summary>Whether a driver is none of a plugin's; overlay is known, and refused in its own words.</summary>
    public static bool IsBuiltIn(string? driver) => driver is null or "" or "overlay" || BuiltIn.Contains(driver);

    public static bool UsesIPv4(NetworkCreateRequest request) => request.EnableIPv4 ?? Flag(request, BridgeOptions.EnableIPv4) ?? true;
    public static bool UsesIPv6(NetworkCreateRequest request) => request.EnableIPv6 ?? Flag(request, BridgeOptions.EnableIPv6) ?? false;

    private static bool? Flag(NetworkCreateRequest request, string key) => request.Options?.GetValueOrDefault(key) switch
    {
        null => null,
        var value => Specs.GoSyntax.Bool(value) ?? throw WharfException.Invalid($"driver-opt \"{key}\" is not a valid bool"),
    };

    private static WharfException Forbidden(string message) => new(ErrorKind.Forbidden, message);

    /// <summary>A network that only lends its settings to others has none of what an operator decides, and one that borrows has none of its own.</summary>
    private static void CheckConfigOnly(NetworkCreateRequest request)
    {
        bool borrows = request.ConfigFrom?.Network is { Length: > 0 };
        if (request.ConfigOnly == true)
        {
            if (request.Internal == true || request.Attachable == true) throw Forbidden("configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.");
            if (borrows) throw Forbidden("a configuration network cannot depend on another configuration network");
        }
        if (borrows && request.Options is { Count: > 0 }) throw Forbidden("network driver options are not supported if the network depends on a configuration network");
        if (borrows && (request.IPAM?.Config is { Count: > 0 } || request.Labels is { Count: > 0 } || request.EnableIPv6 == true))
            throw Forbidden("user specified configurations are not supported if the network depends on a configuration network");
    }

    private static void CheckDriver(NetworkCreateRequest request)
    {
        _ = QueueLength.Parse(request.Options);
        switch (request.Driver)
        {
            case null or "" or "bridge":
                BridgeOptions.Check(request.Options, request.Internal ?? false);
                return;
            case "macvlan" or "ipvlan":
                ParentOptions.Check(request.Driver, request.Options);
                return;
            case "host" or "null":
                throw Forbidden($"only one instance of \"{request.Driver}\" network is allowed");
            case "overlay":
                throw Forbidden("This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.");
            default:
                return; // a plugin's
        }
    }

    private static void CheckSubnets(NetworkCreateRequest request)
    {
        var errors = new List<string>();
        var configs = request.IPAM?.Config ?? [];
        foreach (var config in configs) Check(config, errors);
        if (errors.Count == 1) throw WharfException.Invalid("invalid network config:\n" + errors[0]);
        if (errors.Count > 1) throw WharfException.Invalid("invalid network config:\n* " + string.Join("\n* ", errors));
        var subnets = configs.Select(config => Subnet.Parse(config.Subnet!)).ToList();
        if (subnets.Where((subnet, at) => subnets.Take(at).Any(subnet.Overlaps)).Any()) throw Forbidden("invalid pool request: Pool overlaps with other one on this address space");
        if (IsBuiltIn(request.Driver) && configs.GroupBy(config => config.Subnet!.Contains(':')).Any(group => group.Count() > 1)) throw Forbidden($"{request.Driver ?? "bridge"} driver doesn't support multiple subnets");
    }

    private static void Check(IpamConfig config, List<string> errors)
    {
        if (!Subnet.TryParse(config.Subnet, out var subnet) || subnet.IsIPv6 && subnet.ToAddress(subnet.First).IsIPv4MappedToIPv6)
        {
            errors.Add($"invalid subnet {config.Subnet}: invalid CIDR block notation");
            return;
        }
        if (System.Net.IPAddress.Parse(config.Subnet!.Split('/')[0]) is var start && !start.Equals(subnet.ToAddress(subnet.First))) errors.Add($"invalid subnet {config.Subnet}: it should be {subnet}");
        if (config.IPRange is { Length: > 0 } range)
        {
            if (!Subnet.TryParse(range, out var inner)) errors.Add($"invalid ip-range {range}: invalid CIDR block notation");
            else
            {
                if (inner.PrefixLength < subnet.PrefixLength) errors.Add($"invalid ip-range {range}: CIDR block is bigger than its parent subnet {subnet}");
                else if (!subnet.Contains(inner)) errors.Add($"invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range");
                if (inner.ToString() != range) errors.Add($"invalid ip-range {range}: it should be {inner}");
            }
        }
        if (config.Gateway is { Length: > 0 } gateway) CheckAddress("gateway " + gateway, gateway, subnet, errors);
        foreach (var (name, address) in config.AuxiliaryAddresses ?? []) CheckAddress("auxiliary address " + name, address, subnet, errors);
    }

    private static void CheckAddress(string what, string text, Subnet subnet, List<string> errors)
    {
        if (!Subnet.TryParseAddress(text, out var address)) errors.Add($"invalid {what}: invalid address");
        else if (Subnet.IsV6(address) != subnet.IsIPv6) errors.Add($"invalid {what}: parent subnet is an {(subnet.IsIPv6 ? "IPv6" : "IPv4")} block");
        else if (!subnet.Contains(address)) errors.Add($"invalid {what}: parent subnet {subnet} doesn't contain this address");
    }

    /// <summary>The gateway and what the user set aside: each an address of its own, none the network's or the broadcast address.</summary>
    public static void CheckReserved(IpamConfig config)
    {
        var allocator = new AddressAllocator(Subnet.Parse(config.Subnet!), null, []);
        if (config.Gateway is { Length: > 0 } gateway) Take(gateway, $"gateway ({gateway})");
        foreach (var (name, address) in config.AuxiliaryAddresses ?? []) Take(address, $"secondary ip address ({name}:{address})");

        void Take(string address, string what)
        {
            try { allocator.Allocate(System.Net.IPAddress.Parse(address)); }
            catch (WharfException error) when (error.Kind == ErrorKind.Forbidden) { throw new WharfException(ErrorKind.Internal, $"failed to allocate {what}: Address already in use", error); }
        }
    }
}
