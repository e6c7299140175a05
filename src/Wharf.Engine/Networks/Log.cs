using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Networks;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "the lease of {Address} on {Device} could not be renewed; it ends at {End}")]
    public static partial void LeaseNotRenewed(this ILogger log, string address, string device, DateTime end, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "firewall rules of container {ContainerId} could not be removed")]
    public static partial void RulesNotRemoved(this ILogger log, string containerId, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "port {Port} of running container {ContainerId} is held by another program now")]
    public static partial void PortLost(this ILogger log, string containerId, int port, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "flows of published ports could not be removed from the kernel's table of connections; clients that send on may not reach a new container")]
    public static partial void FlowsNotForgotten(this ILogger log, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "no network namespace could be prepared for network {Network}")]
    public static partial void NotPrepared(this ILogger log, string network, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the firewall table {Table} was removed by someone else and is in place again")]
    public static partial void RulesRestored(this ILogger log, string table);

    [LoggerMessage(Level = LogLevel.Error, Message = "the firewall table {Table} was removed by someone else and cannot be put back")]
    public static partial void RulesNotRestored(this ILogger log, string table, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "nftables cannot be used ({Reason}): rules are made by iptables")]
    public static partial void NoNftables(this ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "network {Network} could not be restored; containers on it will not start")]
    public static partial void NetworkNotRestored(this ILogger log, string network, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "subnet {Subnet} of network {Network} is in use by interface {Interface} of this machine")]
    public static partial void SubnetTaken(this ILogger log, string network, string subnet, string @interface);

    [LoggerMessage(Level = LogLevel.Information, Message = "freed the endpoints of container {ContainerId}, which does not run")]
    public static partial void Unclaimed(this ILogger log, string containerId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "firewalld does not do as told: it may turn away packets of containers")]
    public static partial void FirewalldFailed(this ILogger log, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the IPAM driver {Driver} was not told of all addresses that are in use on network {Network}: it took too long")]
    public static partial void LeasesNotReplayed(this ILogger log, string driver, string network);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a network plugin did not do as told")]
    public static partial void PluginFailed(this ILogger log, Exception error);
}
