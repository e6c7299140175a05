using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Containers.Options;

/// <summary>One published port of the container; <see cref="HostPort"/> is empty, a port, or a range to choose from.</summary>
internal sealed record PublishedPort(string Port, string HostIp, string HostPort);

/// <summary><c>[[ip:][hostPort]:]containerPort[/proto]</c>, where ports may be ranges, and the long form of key=value pairs.</summary>
internal static class PortSpec
{
    public static IEnumerable<PublishedPort> Parse(string text)
    {
        if (text.Contains('=')) return [ParseLong(text)];
        var (protocol, spec) = text.IndexOf('/') is >= 0 and var slash ? (text[(slash + 1)..].ToLowerInvariant(), text[..slash]) : ("tcp", text);
        var (address, hostPorts, containerPorts) = SplitParts(spec);
        if (address.StartsWith('[') && address.EndsWith(']')) address = address[1..^1];
        if (address != "" && !IsAddress(address)) throw Invalid($"invalid IP address: {address}");
        if (containerPorts == "") throw Invalid($"no port specified: {text}<empty>");
        var container = Range(containerPorts, "containerPort");
        var host = hostPorts == "" ? ((int From, int To)?)null : Range(hostPorts, "hostPort");
        if (protocol is not ("tcp" or "udp" or "sctp")) throw Invalid($"invalid proto: {protocol}");
        var count = container.To - container.From;
        if (host is { } range && range.To - range.From != count)
        {
            // One container port may take any free port of a range; otherwise they pair up.
            if (container.From != container.To) throw Invalid($"invalid ranges specified for container and host Ports: {containerPorts} and {hostPorts}");
            return [new PublishedPort($"{container.From}/{protocol}", address, $"{range.From}-{range.To}")];
        }
        return Enumerable.Range(0, count + 1).Select(i => new PublishedPort(
            string.Create(CultureInfo.InvariantCulture, $"{container.From + i}/{protocol}"), address, host is { } from ? (from.From + i).ToString(CultureInfo.InvariantCulture) : ""));
    }

    private static bool IsAddress(string text) => IPAddress.TryParse(text, out var address) && (address.AddressFamily == AddressFamily.InterNetworkV6 || text.Count(c => c == '.') == 3);

    private static (string Address, string Host, string Container) SplitParts(string spec)
    {
        // The address may be IPv6 and full of colons: only the last two colons outside brackets separate.
        var last = spec.LastIndexOf(':');
        if (last < 0) return ("", "", spec);
        var before = spec[..last];
        var middle = before.LastIndexOf(':');
        return middle < 0 || before.EndsWith(']') && before.StartsWith('[') && middle < before.LastIndexOf(']')
            ? before.StartsWith('[') ? (before, "", spec[(last + 1)..]) : ("", before, spec[(last + 1)..])
            : (before[..middle], before[(middle + 1)..], spec[(last + 1)..]);
    }

    private static (int From, int To) Range(string text, string what)
    {
        var ends = text.Split('-', 2);
        if (!TryPort(ends[0], out var from)) throw Invalid($"invalid {what}: {text}");
        if (ends.Length == 1) return (from, from);
        return TryPort(ends[1], out var to) && to >= from ? (from, to) : throw Invalid($"invalid {what}: {text}");
    }

    private static bool TryPort(string text, out int port) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= ushort.MaxValue;

    private static PublishedPort ParseLong(string text)
    {
        string target = "", published = "", protocol = "tcp";
        foreach (var (key, value) in CsvLine.Split(text).Select(KeyValue.Split))
        {
            switch (key.ToLowerInvariant())
            {
                case "target": target = value; break;
                case "published": published = value; break;
                case "protocol": protocol = value.ToLowerInvariant(); break;
                case "mode": break;
                default: throw Invalid($"invalid field key: {key}");
            }
        }
        if (!TryPort(target, out _)) throw Invalid($"invalid target port ({target})");
        if (protocol is not ("tcp" or "udp" or "sctp")) throw Invalid($"invalid protocol value: {protocol}");
        return new PublishedPort($"{target}/{protocol}", "", published);
    }

    /// <summary><c>--expose</c>: a port or a range, with an optional protocol.</summary>
    public static IEnumerable<string> ParseExposed(string text)
    {
        if (text.Contains(':')) throw Invalid($"invalid port format for --expose: {text}");
        var (protocol, ports) = text.IndexOf('/') is >= 0 and var slash ? (text[(slash + 1)..].ToLowerInvariant(), text[..slash]) : ("tcp", text);
        var ends = ports.Split('-', 2);
        if (!TryPort(ends[0], out var from)) throw NotPort(ends[0]);
        if (!TryPort(ends[^1], out var to)) throw NotPort(ends[^1]);
        if (to < from) throw Unexposable($"invalid range specified for port: {ports}");
        return Enumerable.Range(from, to - from + 1).Select(port => string.Create(CultureInfo.InvariantCulture, $"{port}/{protocol}"));

        Exception NotPort(string end) => Unexposable($"strconv.ParseUint: parsing {Output.Quoting.Quote(end)}: invalid syntax");
        Exception Unexposable(string why) => Invalid($"invalid range format for --expose: {text}, error: {why}");
    }

    public static (Dictionary<string, EmptyObject> Exposed, Dictionary<string, List<PortBinding>?> Bindings) Build(IEnumerable<string> published, IEnumerable<string> exposed)
    {
        var ports = new Dictionary<string, EmptyObject>();
        var bindings = new Dictionary<string, List<PortBinding>?>();
        foreach (var port in published.SelectMany(Parse))
        {
            ports[port.Port] = new EmptyObject();
            if (!bindings.TryGetValue(port.Port, out var list) || list is null) bindings[port.Port] = list = [];
            list.Add(new PortBinding { HostIp = port.HostIp, HostPort = port.HostPort });
        }
        foreach (var port in exposed.SelectMany(ParseExposed)) ports[port] = new EmptyObject();
        return (ports, bindings);
    }

    private static CliException Invalid(string message) => new(message, 125);
}
