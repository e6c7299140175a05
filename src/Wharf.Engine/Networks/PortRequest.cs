using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>Turns port bindings of a container's configuration into single mappings.</summary>
public static class PortRequest
{
    /// <summary>Parses <c>80/tcp</c>, <c>80</c>.</summary>
    public static (int Port, string Protocol) ParseKey(string key)
    {
        var parts = key.Split('/');
        var protocol = parts.Length == 2 ? parts[1].ToLowerInvariant() : "tcp";
        if (parts.Length > 2 || protocol is not ("tcp" or "udp" or "sctp") || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
            throw WharfException.Invalid($"invalid port specification: \"{key}\"");
        return (port, protocol);
    }

    /// <summary>All mappings wanted, with the candidates for each host port: none means any free one.</summary>
    public static IEnumerable<(PortMapping Mapping, int From, int To)> Expand(SandboxRequest request)
    {
        foreach (var (key, bindings) in request.PortBindings)
        {
            var (port, protocol) = ParseKey(key);
            foreach (var binding in bindings is { Count: > 0 } ? bindings : [new PortBinding()])
            {
                var (from, to) = Range(binding.HostPort, key);
                if (binding.HostIp is { Length: > 0 } address && address.Contains(':')) continue; // IPv6: the network has none
                yield return (new PortMapping { HostAddress = binding.HostIp ?? "", ContainerPort = port, Protocol = protocol }, from, to);
            }
        }
        if (!request.PublishAllPorts) yield break;
        foreach (var key in request.ExposedPorts.Where(key => !request.PortBindings.ContainsKey(key)))
        {
            var (port, protocol) = ParseKey(key);
            yield return (new PortMapping { ContainerPort = port, Protocol = protocol }, 0, 0);
        }
    }

    private static (int From, int To) Range(string? text, string key)
    {
        if (string.IsNullOrEmpty(text)) return (0, 0);
        var ends = text.Split('-');
        if (ends.Length > 2 || !TryPort(ends[0], out int from) || !TryPort(ends[^1], out int to) || to < from) throw WharfException.Invalid($"invalid hostPort \"{text}\" for port {key}");
        return (from, to);
    }

    private static bool TryPort(string text, out int port) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= 65535;
}
