using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers;

/// <summary>The PORTS column: neighbouring ports that keep their number join to ranges and come first.</summary>
internal static class PortList
{
    private sealed record Group(string Key, string Protocol, string Ip)
    {
        public long First { get; set; }
        public long Last { get; set; }
    }

    public static string Display(IEnumerable<PortSummary> ports)
    {
        var groups = new Dictionary<string, Group>();
        var hosts = new List<string>();
        var done = new List<string>();
        var keys = new List<string>();
        foreach (var port in ports.OrderBy(port => port.PrivatePort).ThenBy(port => port.IP, StringComparer.Ordinal).ThenBy(port => port.PublicPort).ThenBy(port => port.Type, StringComparer.Ordinal))
        {
            var (current, ip, type, publicPort) = (port.PrivatePort ?? 0, port.IP ?? "", port.Type ?? "tcp", port.PublicPort ?? 0);
            var key = type;
            if (ip != "")
            {
                // Only a port published under its own number can be part of a range.
                if (publicPort != current)
                {
                    hosts.Add(string.Create(CultureInfo.InvariantCulture, $"{Join(ip, publicPort.ToString(CultureInfo.InvariantCulture))}->{current}/{type}"));
                    continue;
                }
                key = $"{ip}/{type}";
            }
            if (groups.TryGetValue(key, out var group) && current == group.Last + 1)
            {
                group.Last = current;
                continue;
            }
            if (group is null) keys.Add(key);
            else if (current != group.Last) done.Add(Format(group));
            if (group is not null && current == group.Last) continue;
            groups[key] = new Group(key, type, ip) { First = current, Last = current };
        }
        return string.Join(", ", done.Concat(keys.Select(key => Format(groups[key]))).Concat(hosts));
    }

    private static string Format(Group group)
    {
        var range = group.First == group.Last ? group.First.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{group.First}-{group.Last}");
        return group.Ip == "" ? $"{range}/{group.Protocol}" : $"{Join(group.Ip, range)}->{range}/{group.Protocol}";
    }

    private static string Join(string ip, string port) => IPAddress.TryParse(ip, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]:{port}" : $"{ip}:{port}";
}
