using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Containers.Options;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Networks;

/// <summary><c>wharf network connect</c>.</summary>
internal sealed class ConnectCommand : Command
{
    private readonly StringsFlag alias, driverOpt, linkLocalIp;
    private readonly IntFlag gwPriority;
    private readonly StringFlag ip, ip6;
    private readonly ListFlag link;

    public ConnectCommand()
    {
        alias = Flags.Strings("alias", "Another name for the container on the network");
        driverOpt = Flags.Strings("driver-opt", "Options of the network's driver");
        gwPriority = Flags.Int("gw-priority", "The network with the highest number is the default gateway");
        ip = Flags.String("ip", "IPv4 address (e.g., \"172.30.100.104\")");
        ip6 = Flags.String("ip6", "IPv6 address (e.g., \"2001:db8::33\")");
        link = Flags.Add(new ListFlag("link", '\0', "Link to another container") { Check = FlagChecks.Link });
        linkLocalIp = Flags.Strings("link-local-ip", "Link-local address for the container");
    }

    public override string Usage => "[OPTIONS] NETWORK CONTAINER";
    public override int MinArguments => 2;
    public override int MaxArguments => 2;

    public override async Task<int> RunAsync(CliContext cli, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var request = new NetworkConnectRequest
        {
            Container = arguments[1],
            EndpointConfig = new EndpointSettings
            {
                IPAMConfig = new EndpointIpamConfig { IPv4Address = ip.Value == "" ? null : ip.Value, IPv6Address = ip6.Value == "" ? null : ip6.Value, LinkLocalIPs = linkLocalIp.Values.Count == 0 ? null : linkLocalIp.Values },
                Links = link.Values.Count == 0 ? null : link.Values,
                Aliases = alias.Values.Count == 0 ? null : alias.Values,
                DriverOpts = driverOpt.Values.Count == 0 ? null : KeyValue.ToMap(driverOpt.Values),
                GwPriority = gwPriority.Value == 0 ? null : gwPriority.Value,
            },
        };
        await cli.Api.PostAsync($"/networks/{Uri.EscapeDataString(arguments[0])}/connect", request, DockerApiJson.Default.NetworkConnectRequest, cancellationToken);
        return 0;
    }
}
