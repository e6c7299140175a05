using System.Text;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Networks;

/// <summary>What the files under a container's /etc say.</summary>
public sealed record ContainerFilesRequest
{
    public required string Hostname { get; init; }
    public string? Domainname { get; init; }
    /// <summary>Endpoints of the container; empty for no network. With <see cref="HostNetwork"/> the host's own files are copied.</summary>
    public required IReadOnlyCollection<EndpointSettings> Endpoints { get; init; }
    public bool HostNetwork { get; init; }
    /// <summary>The container has a name server on 127.0.0.11.</summary>
    public bool NameServer { get; init; }
    /// <summary>What <c>host-gateway</c> stands for: the host's address on the default bridge.</summary>
    public string HostGateway { get; init; } = "";
    /// <summary><c>name:address</c> or <c>name=address</c>; the address may be <c>host-gateway</c>.</summary>
    public IReadOnlyList<string> ExtraHosts { get; init; } = [];
    /// <summary>Lines for linked containers.</summary>
    public string LinkedHosts { get; init; } = "";
    public IReadOnlyList<string> Dns { get; init; } = [];
    public IReadOnlyList<string> DnsSearch { get; init; } = [];
    public IReadOnlyList<string> DnsOptions { get; init; } = [];
}

/// <summary>Writes hosts, hostname and resolv.conf of a container.</summary>
public static class ContainerFiles
{
    private const long MaxHosts = 1 << 20;
    private const string HostHosts = "/etc/hosts";

    /// <summary>Writes the three files into a directory of the container's own.</summary>
    public static void Write(string directory, ContainerFilesRequest request)
    {
        File.WriteAllText(Path.Combine(directory, "hostname"), request.Hostname + "\n");
        File.WriteAllText(Path.Combine(directory, "hosts"), Hosts(request));
        File.WriteAllText(Path.Combine(directory, "resolv.conf"), ResolvConf(request, ResolverConfig.ReadHost()));
    }

    public static string Hosts(ContainerFilesRequest request)
    {
        var text = new StringBuilder();
        if (request.HostNetwork && File.Exists(HostHosts)) text.Append(File.ReadAllText(HostHosts));
        else text.Append("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
        if (text.Length > 0 && text[^1] != '\n') text.Append('\n');
        foreach (var entry in request.ExtraHosts)
        {
            // Both separators are in use; a name holds neither, an IPv6 address holds colons.
            int at = entry.AsSpan().IndexOfAny('=', ':');
            if (at <= 0) continue;
            var address = entry[(at + 1)..].Trim('[', ']');
            if (address == "host-gateway") address = request.HostGateway.Length > 0 ? request.HostGateway : throw WharfException.Invalid("unable to derive the IP value for host-gateway");
            text.Append(address).Append('\t').Append(entry.AsSpan(0, at)).Append('\n');
        }
        if (request.HostNetwork) return text.ToString();
        text.Append(request.LinkedHosts);
        foreach (var endpoint in request.Endpoints) text.Append(HostLines(endpoint, request.Hostname, request.Domainname));
        return text.ToString();
    }

    private static string HostLines(EndpointSettings endpoint, string hostname, string? domainname)
    {
        var names = domainname is { Length: > 0 } domain ? $"{hostname}.{domain} {hostname}" : hostname;
        return string.Concat(AddressesOf(endpoint).Select(address => $"{address}\t{names}\n"));
    }

    private static IEnumerable<string> AddressesOf(EndpointSettings endpoint)
    {
        if (endpoint.IPAddress is { Length: > 0 } v4) yield return v4;
        if (endpoint.GlobalIPv6Address is { Length: > 0 } v6) yield return v6;
    }

    /// <summary>A running container has one more address. The file is mounted in it and may have been changed there: what is in it stays.</summary>
    public static void AddHost(string directory, EndpointSettings endpoint, string hostname, string? domainname) =>
        File.AppendAllText(Path.Combine(directory, "hosts"), HostLines(endpoint, hostname, domainname));

    /// <summary>The lines of an address that a running container no longer has. A file that the container made huge is left alone.</summary>
    public static void RemoveHost(string directory, EndpointSettings endpoint)
    {
        var path = Path.Combine(directory, "hosts");
        if (new FileInfo(path).Length > MaxHosts) return;
        var gone = AddressesOf(endpoint).ToList();
        // Written in place: another file would not be the one that is mounted.
        File.WriteAllLines(path, File.ReadAllLines(path).Where(line => !gone.Exists(address => line.StartsWith(address + "\t", StringComparison.Ordinal))));
    }

    /// <summary>
    /// A running container came to a network with names: it is to ask the name server, unless it changed its file. Written in place, as the
    /// file is mounted.
    /// </summary>
    public static void UseNameServer(string directory, ContainerFilesRequest request)
    {
        var path = Path.Combine(directory, "resolv.conf");
        var config = ResolverConfig.From(request, ResolverConfig.ReadHost());
        if (new FileInfo(path).Length <= MaxHosts && File.ReadAllText(path) == config.ForServers(request.HostNetwork)) File.WriteAllText(path, config.ForNameServer());
    }

    public static string ResolvConf(ContainerFilesRequest request, IReadOnlyList<string> host)
    {
        var config = ResolverConfig.From(request, host);
        return request.NameServer ? config.ForNameServer() : config.ForServers(request.HostNetwork);
    }
}
