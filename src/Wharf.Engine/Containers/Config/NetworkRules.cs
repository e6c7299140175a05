using System.Net;
using Wharf.Engine.Networks;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Config;

/// <summary>Network modes, published ports, added hosts and links that go together, with docker's messages.</summary>
internal static class NetworkRules
{
    public static void Check(HostConfig host, ContainerConfig config)
    {
        var mode = host.NetworkMode ?? "";
        if (host.UTSMode == "host" && config.Hostname is { Length: > 0 }) throw WharfException.Invalid("conflicting options: hostname and the UTS mode");
        if (mode == "container:" || mode == "container") throw WharfException.Invalid("invalid network mode: invalid container format container:<name|id>");
        if (mode.StartsWith("container:", StringComparison.Ordinal)) CheckShared(host, config);
        else if (mode == "host" && host.Links is { Count: > 0 })
            throw WharfException.Invalid("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
        foreach (var (port, bindings) in host.PortBindings ?? []) CheckBinding(port, bindings);
        foreach (var port in (config.ExposedPorts ?? []).Keys) PortSpec.Parse(port);
        foreach (var entry in host.ExtraHosts ?? []) CheckExtraHost(entry);
        foreach (var server in host.Dns ?? [])
            if (!IPAddress.TryParse(server, out _)) throw WharfException.Invalid($"bad nameserver address {server}");
        // These become lines of resolv.conf.
        foreach (var text in (host.DnsSearch ?? []).Concat(host.DnsOptions ?? []))
            if (text.Any(character => char.IsControl(character) || char.IsWhiteSpace(character))) throw WharfException.Invalid($"invalid dns search or option: \"{text}\"");
        foreach (var link in host.Links ?? [])
        {
            if (link.Length == 0) throw WharfException.Invalid("empty string specified for links");
            if (link.Split(':').Length > 2) throw WharfException.Invalid($"bad format for links: {link}");
        }
    }

    /// <summary>What belongs to the other container's network cannot be set here.</summary>
    private static void CheckShared(HostConfig host, ContainerConfig config)
    {
        if (config.Hostname is { Length: > 0 }) throw Conflict("hostname and the network mode");
        if (host.Links is { Count: > 0 }) throw Conflict("container type network can't be used with links. This would result in undefined behavior");
        if (host.Dns is { Count: > 0 }) throw Conflict("dns and the network mode");
        if (host.ExtraHosts is { Count: > 0 }) throw Conflict("custom host-to-IP mapping and the network mode");
        if (host.PortBindings is { Count: > 0 } || host.PublishAllPorts == true) throw Conflict("port publishing and the container type network mode");
        if (config.ExposedPorts is { Count: > 0 }) throw Conflict("port exposing and the container type network mode");
    }

    private static WharfException Conflict(string what) => WharfException.Invalid($"conflicting options: {what}");

    private static void CheckBinding(string port, List<PortBinding>? bindings)
    {
        if (PortSpec.Parse(port) is { } spec && spec.First != spec.Last) throw WharfException.Invalid($"invalid port specification: \"{port.Split('/')[0]}\"");
        foreach (var binding in bindings ?? [])
        {
            if (binding.HostPort is { Length: > 0 } number && !PortSpec.TryParseRange(number, out _, out _))
                throw WharfException.Invalid($"invalid port specification: \"{number}\"");
            if (binding.HostIp is { Length: > 0 } address && !Subnet.TryParseAddress(address, out _))
                throw WharfException.Invalid($"invalid host IP address: \"{address}\"");
        }
    }

    private static void CheckExtraHost(string entry)
    {
        int separator = entry.IndexOf(':');
        if (separator <= 0) throw WharfException.Invalid($"bad format for add-host: \"{entry}\"");
        var name = entry[..separator];
        var address = entry[(separator + 1)..];
        if (name.Any(character => char.IsControl(character) || char.IsWhiteSpace(character))) throw WharfException.Invalid($"bad format for add-host: \"{entry}\"");
        if (address != "host-gateway" && !Subnet.TryParseAddress(address, out _)) throw WharfException.Invalid($"invalid IP address in add-host: \"{address}\"");
    }
}
