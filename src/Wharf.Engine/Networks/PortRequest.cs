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
    public static (int Port, string Protocol) ParseKey(string key) =>
        TryParseKey(key, out int port, out var protocol) ? (port, protocol) : throw WharfException.Invalid($"invalid port specification: \"{key}\"");

    private static bool TryParseKey(string key, out int port, out string protocol)
    {
        var parts = key.Split('/');
        protocol = parts.Length == 2 ? parts[1].ToLowerInvariant() : "tcp";
        port = 0;
        return parts.Length <= 2 && protocol is "tcp" or "udp" or "sctp" && TryPort(parts[0], out port) && port > 0;
    }

    /// <summary>A key in its usual form: <c>80/tcp</c>. What is no single port stays as it is.</summary>
    public static string Normal(string key) => TryParseKey(key, out int port, out var protocol) ? string.Create(CultureInfo.InvariantCulture, $"{port}/{protocol}") : key;

    /// <summary>
    /// All that is to be published: exposed ports with bindings, and with <paramref name="all"/> the others too. A binding of a port that is not
    /// exposed is without effect, as in docker. Wishes for given ports come first, so that a free one is never one that is asked for by number.
    /// </summary>
    public static IEnumerable<PortWish> Expand(IReadOnlyDictionary<string, List<PortBinding>?> bindings, IEnumerable<string> exposed, bool all)
    {
        var wishes = new List<PortWish>();
        var asked = bindings.GroupBy(entry => Normal(entry.Key)).ToDictionary(group => group.Key, group => group.SelectMany(entry => entry.Value ?? []).ToList());
        foreach (var key in exposed.Select(Normal).Distinct())
        {
            if (asked.GetValueOrDefault(key) is not { Count: > 0 } wanted)
            {
                if (!all || !TryParseKey(key, out int open, out var kind)) continue;
                wishes.Add(new PortWish("", 0, 0, open, kind));
                continue;
            }
            var (port, protocol) = ParseKey(key);
            foreach (var binding in wanted)
            {
                var (from, to) = Range(binding.HostPort, key);
                wishes.Add(new PortWish(binding.HostIp ?? "", from, to, port, protocol));
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
