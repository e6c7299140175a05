namespace Wharf.Specs.DockerApi;

/// <summary>Engine API v1.52: <c>NetworkStatus</c>.</summary>
public sealed record NetworkStatus
{
    public IpamStatus? IPAM { get; set; }
}

/// <summary>Engine API v1.52: <c>IPAMStatus</c>, by subnet.</summary>
public sealed record IpamStatus
{
    public Dictionary<string, SubnetStatus>? Subnets { get; set; }
}

/// <summary>Engine API v1.52: <c>SubnetStatus</c>. Both numbers end at 2^64 - 1.</summary>
public sealed record SubnetStatus
{
    /// <summary>Addresses in use or reserved.</summary>
    public ulong IPsInUse { get; set; }
    /// <summary>Free addresses of the range that addresses are given from.</summary>
    public ulong DynamicIPsAvailable { get; set; }
}
