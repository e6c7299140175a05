using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>What may be asked of an endpoint on a certain network; messages are docker's.</summary>
internal static class EndpointSettingsRules
{
    public static void Check(NetworkRecord record, EndpointSettings settings)
    {
        var wrong = new List<string>();
        bool isBuiltIn = record.Network.Name == NetworkService.DefaultBridge || record.Network.Driver is "host" or "null";
        CheckAddresses(record, settings.IPAMConfig, isBuiltIn, wrong);
        if (isBuiltIn && settings.Aliases is { Count: > 0 }) wrong.Add("network-scoped alias is supported only for containers in user defined networks");
        foreach (var local in settings.IPAMConfig?.LinkLocalIPs ?? [])
            if (!Subnet.TryParseAddress(local, out _)) wrong.Add($"invalid link-local IP address: {local}");
        CheckDriverOptions(settings, wrong);
        if (settings.MacAddress is { Length: > 0 } mac && wrong.Count == 0) _ = Interfaces.ParseMac(mac);
        if (wrong.Count == 1) throw WharfException.Invalid($"invalid endpoint settings:\n{wrong[0]}");
        if (wrong.Count > 1) throw WharfException.Invalid($"invalid endpoint settings:\n* {string.Join("\n* ", wrong)}");
    }

    private static void CheckDriverOptions(EndpointSettings settings, List<string> wrong)
    {
        try
        {
            _ = EndpointSysctls.Parse(settings.DriverOpts?.GetValueOrDefault(NetworkService.SysctlOption), "eth0").Count();
            _ = QueueLength.Parse(settings.DriverOpts);
        }
        catch (WharfException error) { wrong.Add(error.Message); }
    }

    private static void CheckAddresses(NetworkRecord record, EndpointIpamConfig? asked, bool isBuiltIn, List<string> wrong)
    {
        if (asked is not ({ IPv4Address.Length: > 0 } or { IPv6Address.Length: > 0 })) return;
        if (isBuiltIn) wrong.Add("user specified IP address is supported on user defined networks only");
        if (asked.IPv4Address is { Length: > 0 } v4 && !(Subnet.TryParseAddress(v4, out var first) && !Subnet.IsV6(first))) wrong.Add($"invalid IPv4 address: {v4}");
        if (asked.IPv6Address is { Length: > 0 } v6 && !(Subnet.TryParseAddress(v6, out var second) && Subnet.IsV6(second))) wrong.Add($"invalid IPv6 address: {v6}");
        CheckSubnet(record, asked.IPv4Address, v6: false, wrong);
        CheckSubnet(record, asked.IPv6Address, v6: true, wrong);
    }

    private static void CheckSubnet(NetworkRecord record, string? text, bool v6, List<string> wrong)
    {
        if (text is not { Length: > 0 }) return;
        var subnets = (record.Network.IPAM?.Config ?? []).Select(config => Subnet.Parse(config.Subnet!)).Where(subnet => subnet.IsIPv6 == v6).ToList();
        // A subnet that we chose may be another one after a restart.
        if (!record.UserSubnets || subnets.Count == 0) wrong.Add("user specified IP address is supported only when connecting to networks with user configured subnets");
        else if (!Subnet.TryParseAddress(text, out var address) || !subnets.Exists(subnet => subnet.Contains(address))) wrong.Add($"no configured subnet or ip-range contain the IP address {text}");
    }
}
