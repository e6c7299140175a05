using System.Globalization;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>A container port to publish; <see cref="From"/> 0 takes any free host port, else the first free one up to <see cref="To"/>.</summary>
public sealed record PortWish(string HostAddress, int From, int To, int ContainerPort, string Protocol);

/// <summary>Turns port bindings of a container's configuration into single wishes.</summary>
public static class PortRequest
{
    /// <summary>Parses <c>80/tcp</c>, <c>80</c>.</summary>
    public static (int Port, string Protocol) ParseKey(string key)
    {
        var parts = key.Split('/');
        var protocol = parts.Length == 2 ? parts[1].ToLowerInvariant() : "tcp";
        if (parts.Length > 2 || protocol is not ("tcp" or "udp" or "sctp") || !TryPort(parts[0], out int port) || port == 0)
            throw WharfException.Invalid($"invalid port specification: \"{key}\"");
        return (port, protocol);
    }

    /// <summary>All that is to be published. Wishes for given ports come first, so that a free one is never one that is asked for by number.</summary>
    public static IEnumerable<PortWish> Expand(IReadOnlyDictionary<string, List<PortBinding>?> bindings, IEnumerable<string> exposed, bool all)
    {
        var wishes = new List<PortWish>();
        foreach (var (key, wanted) in bindings)
        {
            var (port, protocol) = ParseKey(key);
            foreach (var binding in wanted is { Count: > 0 } ? wanted : [new PortBinding()])
            {
                var (from, to) = Range(binding.HostPort, key);
                wishes.Add(new PortWish(binding.HostIp ?? "", from, to, port, protocol));
            }
        }
        if (all)
        {
            foreach (var key in exposed.Where(key => !bindings.ContainsKey(key)))
            {
                var (port, protocol) = ParseKey(key);
                wishes.Add(new PortWish("", 0, 0, port, protocol));
            }
        }
        return wishes.OrderBy(wish => wish.From == 0).ThenBy(wish => wish.To - wish.From);
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
