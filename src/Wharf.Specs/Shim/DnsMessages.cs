namespace Wharf.Specs.Shim;

/// <summary>
/// Names of containers on networks. Each entry takes the place of what the shim has of that container; with <see cref="Reset"/> names of
/// containers that are not listed are forgotten. The names of a container go when it ends.
/// </summary>
public sealed record DnsRequest { public bool Reset { get; set; } public List<DnsContainer> Containers { get; set; } = []; }

/// <summary>What a container is called on its networks, and how its own questions are answered.</summary>
public sealed record DnsContainer
{
    public string Id { get; set; } = "";
    /// <summary>In the order in which they are asked for a name.</summary>
    public List<DnsEndpoint> Endpoints { get; set; } = [];
    /// <summary>Set where the container has a responder on 127.0.0.11 in its network namespace; it is opened when it is not there yet.</summary>
    public DnsResolver? Resolver { get; set; }
}

/// <summary>The names of one container on one network, the container's own first; addresses are in their usual text form.</summary>
public sealed record DnsEndpoint
{
    public string NetworkId { get; set; } = "";
    public string NetworkName { get; set; } = "";
    public List<string> Names { get; set; } = [];
    public string? IPv4 { get; set; }
    public string? IPv6 { get; set; }
    /// <summary>Names only this container knows others by (docker's links), to the names these have on the network, in lower case.</summary>
    public Dictionary<string, string>? Links { get; set; }
}

/// <summary>How questions that no name of a network answers are treated.</summary>
public sealed record DnsResolver
{
    /// <summary>Servers to pass questions on to; none where the container is not to reach out.</summary>
    public List<DnsServer> Servers { get; set; } = [];
    /// <summary>The user set ndots: names without a dot are not passed on.</summary>
    public bool KeepsBareNames { get; set; }
}

/// <summary>A name server; asked from the host's network namespace or from the container's.</summary>
public sealed record DnsServer { public string Address { get; set; } = ""; public bool FromHost { get; set; } }

/// <summary>Where a container's name server is asked, and where it listens: rules in the container's network namespace lead from one port to the other.</summary>
public static class DnsAddress
{
    public const string Listen = "127.0.0.11";
    public const int Port = 53;
    /// <summary>Above the range the kernel takes ports from (ip_local_port_range ends at 60999).</summary>
    public const int ListenPort = 65353;
}
