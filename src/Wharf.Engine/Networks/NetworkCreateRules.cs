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
        if (name.Any(char.IsControl) || name.Contains('/')) throw WharfException.Invalid($"invalid name: \"{name}\"");
        if (name is "bridge" or "host" or "none" or "default") throw new WharfException(ErrorKind.Forbidden, $"operation is not permitted on predefined {name} network");
        if (request.Scope is "swarm" or "global") throw new WharfException(ErrorKind.Forbidden, $"cannot create a {request.Scope} scoped network when swarm is not active");
        CheckDriver(request);
        if (request.EnableIPv4 == false && request.EnableIPv6 != true) throw WharfException.Invalid("IPv4 or IPv6 must be enabled");
        if (request.IPAM?.Driver is { Length: > 0 } and not "default") throw WharfException.NotFound($"plugin \"{request.IPAM.Driver}\" not found");
        CheckSubnets(request);
    }

    private static void CheckDriver(NetworkCreateRequest request)
    {
        switch (request.Driver)
        {
            case null or "" or "bridge":
                BridgeOptions.Check(request.Options);
                return;
            case "macvlan" or "ipvlan":
                ParentOptions.Check(request.Driver, request.Options);
                return;
            case "host" or "null":
                throw new WharfException(ErrorKind.Forbidden, $"only one instance of \"{request.Driver}\" network is allowed");
            case "overlay":
                throw WharfException.Unavailable("This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.");
            default:
                throw WharfException.NotFound($"plugin \"{request.Driver}\" not found");
        }
    }

    private static void CheckSubnets(NetworkCreateRequest request)
    {
        var errors = new List<string>();
        var configs = request.IPAM?.Config ?? [];
        foreach (var config in configs) Check(config, request.EnableIPv4 ?? true, errors);
        if (errors.Count > 0) throw WharfException.Invalid("invalid network config:\n" + string.Join('\n', errors));
        if (configs.GroupBy(config => config.Subnet!.Contains(':')).Any(group => group.Count() > 1)) throw new WharfException(ErrorKind.Forbidden, $"{request.Driver ?? "bridge"} driver doesn't support multiple subnets");
        if (request.EnableIPv6 == false && configs.Exists(config => config.Subnet!.Contains(':'))) throw WharfException.Invalid("invalid network config:\nIPv6 subnets are given but IPv6 is not enabled");
    }

    private static void Check(IpamConfig config, bool v4, List<string> errors)
    {
        if (!Subnet.TryParse(config.Subnet, out var subnet))
        {
            errors.Add($"invalid subnet {config.Subnet}: invalid CIDR block notation");
            return;
        }
        if (!subnet.IsIPv6 && !v4) errors.Add($"invalid subnet {config.Subnet}: IPv4 has been disabled for this network");
        if (System.Net.IPAddress.Parse(config.Subnet!.Split('/')[0]) is var start && !start.Equals(subnet.ToAddress(subnet.First))) errors.Add($"invalid subnet {config.Subnet}: it should be {subnet}");
        if (config.IPRange is { Length: > 0 } range)
        {
            if (!Subnet.TryParse(range, out var inner)) errors.Add($"invalid ip-range {range}: invalid CIDR block notation");
            else if (!subnet.Contains(inner)) errors.Add($"invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range");
            else if (inner.ToString() != range) errors.Add($"invalid ip-range {range}: it should be {inner}");
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
}
