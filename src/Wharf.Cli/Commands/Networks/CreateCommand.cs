using System.Net;
using Wharf.Cli.CommandLine;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network create</c>.</summary>
internal sealed class CreateCommand : Command
{
    private readonly BoolFlag attachable, configOnly, ingress, isInternal, ipv4, ipv6;
    private readonly MapFlag auxAddress, ipamOpt, opt;
    private readonly StringFlag configFrom, driver, ipamDriver, scope;
    private readonly StringsFlag gateway, ipRange, subnet;
    private readonly ListFlag label;

    public CreateCommand()
    {
        attachable = Flags.Bool("attachable", "Let containers attach by hand");
        auxAddress = Flags.Map("aux-address", "More IPv4 or IPv6 addresses for the driver's own use");
        configFrom = Flags.String("config-from", "Network to copy the configuration from");
        configOnly = Flags.Bool("config-only", "Make a configuration only");
        driver = Flags.String("driver", 'd', "Driver of the network", "bridge");
        gateway = Flags.Strings("gateway", "IPv4 or IPv6 gateway of a subnet");
        ingress = Flags.Bool("ingress", "Make the swarm's routing-mesh network");
        isInternal = Flags.Bool("internal", "No way out of the network");
        ipRange = Flags.Strings("ip-range", "Part of the subnet to give addresses from");
        ipamDriver = Flags.String("ipam-driver", "Driver that manages addresses", "default");
        ipamOpt = Flags.Map("ipam-opt", "Options of that driver");
        ipv4 = Flags.Bool("ipv4", "IPv4 addresses", initial: true);
        ipv6 = Flags.Bool("ipv6", "IPv6 addresses");
        label = Flags.List("label", "Label on the network");
        opt = Flags.Map("opt", 'o', "Options of the driver");
        scope = Flags.String("scope", "Scope of the network");
        subnet = Flags.Strings("subnet", "Subnet in CIDR form");
    }

    public override string Usage => "[OPTIONS] NETWORK";
    public override int MinArguments => 1;
    public override int MaxArguments => 1;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var request = new NetworkCreateRequest
        {
            Name = arguments[0],
            Driver = driver.Value,
            Options = opt.Values,
            Labels = KeyValue.ToMap(label.Values),
            Scope = scope.Value == "" ? null : scope.Value,
            Internal = isInternal,
            Attachable = attachable,
            Ingress = ingress,
            ConfigOnly = configOnly,
            ConfigFrom = configFrom.Value == "" ? null : new ConfigReference { Network = configFrom.Value },
            EnableIPv4 = ipv4.Changed ? ipv4.Value : null,
            EnableIPv6 = ipv6.Changed ? ipv6.Value : null,
            IPAM = new Ipam { Driver = ipamDriver.Value, Options = ipamOpt.Values, Config = BuildPools() },
        };
        var made = await cli.Api.PostAsync("/networks/create", request, DockerApiJson.Default.NetworkCreateRequest, DockerApiJson.Default.NetworkCreateResponse, cancellationToken);
        if (made.Warning is { Length: > 0 } warning) await cli.Error.WriteLineAsync($"WARNING: {warning}");
        await cli.Out.WriteLineAsync(made.Id);
        return 0;
    }

    /// <summary>Each range, gateway and auxiliary address goes to the subnet it lies in.</summary>
    private List<IpamConfig> BuildPools()
    {
        if (subnet.Values.Count < ipRange.Values.Count || subnet.Values.Count < gateway.Values.Count) throw new CliException("every ip-range or gateway must have a corresponding subnet");
        // One alone the daemon judges; several have to be told apart here.
        if (subnet.Values is [var only] && !TryParseNetwork(only, out _) && ipRange.Values.Count + gateway.Values.Count + auxAddress.Values.Count == 0) return [new IpamConfig { Subnet = only }];
        var pools = new List<(IPNetwork Network, IpamConfig Config)>();
        foreach (var text in subnet.Values)
        {
            var network = ParseNetwork(text);
            if (pools.Any(pool => pool.Network.Contains(network.BaseAddress) || network.Contains(pool.Network.BaseAddress))) throw new CliException("multiple overlapping subnet configuration is not supported");
            pools.Add((network, new IpamConfig { Subnet = text }));
        }
        foreach (var range in ipRange.Values)
        {
            var pool = Find(pools, ParseNetwork(range).BaseAddress) ?? throw new CliException($"no matching subnet for range {range}");
            if (pool.IPRange is not null) throw new CliException($"cannot configure multiple ranges ({range}, {pool.IPRange}) on the same subnet ({pool.Subnet})");
            pool.IPRange = range;
        }
        foreach (var address in gateway.Values)
        {
            var pool = Find(pools, IPAddress.TryParse(address, out var at) ? at : null) ?? throw new CliException($"no matching subnet for gateway {address}");
            if (pool.Gateway is not null) throw new CliException($"cannot configure multiple gateways ({address}, {pool.Gateway}) for the same subnet ({pool.Subnet})");
            pool.Gateway = address;
        }
        foreach (var (name, address) in auxAddress.Values)
        {
            var pool = Find(pools, IPAddress.TryParse(address, out var at) ? at : null) ?? throw new CliException($"no matching subnet for aux-address {address}");
            (pool.AuxiliaryAddresses ??= [])[name] = address;
        }
        return [.. pools.Select(pool => pool.Config)];
    }

    private static IpamConfig? Find(List<(IPNetwork Network, IpamConfig Config)> pools, IPAddress? address)
        => address is null ? null : pools.FirstOrDefault(pool => pool.Network.BaseAddress.AddressFamily == address.AddressFamily && pool.Network.Contains(address)).Config;

    private static IPNetwork ParseNetwork(string text) => TryParseNetwork(text, out var network) ? network : throw new CliException($"invalid CIDR address: {text}");

    private static bool TryParseNetwork(string text, out IPNetwork network)
    {
        network = default;
        var parts = text.Split('/');
        if (parts.Length != 2 || !IPAddress.TryParse(parts[0], out var address) || !byte.TryParse(parts[1], out var length) || length > address.GetAddressBytes().Length * 8) return false;
        var bytes = address.GetAddressBytes();
        for (var bit = length; bit < bytes.Length * 8; bit++) bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        network = new IPNetwork(new IPAddress(bytes), length);
        return true;
    }
}
