using Microsoft.Extensions.Logging;

namespace Wharf.Engine.Networks;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "firewall rules of container {ContainerId} could not be removed")]
    public static partial void RulesNotRemoved(this ILogger log, string containerId, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "port {Port} of running container {ContainerId} is held by another program now")]
    public static partial void PortLost(this ILogger log, string containerId, int port, Exception error);
}
